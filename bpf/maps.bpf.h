/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Every map, all preallocated: the hooks run under oom_lock when there is no memory to be had.
 *
 * kills    victims and memcg OOMs only; nothing frequent may share it
 * hints    cgroups made and removed: frequent, and replaceable by a walk
 */
#ifndef OOMTRAIL_BPF_MAPS_BPF_H
#define OOMTRAIL_BPF_MAPS_BPF_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/events.h"

/* About 900 records of a pod's container, five levels deep. Mapped twice into the agent. */
#define KILLS_RING_BYTES (1 << 20)
#define HINTS_RING_BYTES (1 << 18)
/* Threads inside oom_kill_process at once: one (oom_lock is held); LRU bounds what exits miss. */
#define MAX_CONTEXTS 64
#define MAX_QUIET_MEMCGS 1024

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, KILLS_RING_BYTES);
} ot_kills SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, HINTS_RING_BYTES);
} ot_hints SEC(".maps");

/* What oom_kill_process knows, for the __oom_kill_process and mark_victim inside it. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MAX_CONTEXTS);
	__type(key, __u64); /* pid_tgid */
	__type(value, struct ot_oom);
} ot_contexts SEC(".maps");

/* The memcg a kprobe's mem_cgroup_out_of_memory was entered with, for its return. */
struct memcg_entry {
	__u64 memcg; /* a kernel pointer */
	__u32 gfp;
	__s32 order;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MAX_CONTEXTS);
	__type(key, __u64); /* pid_tgid */
	__type(value, struct memcg_entry);
} ot_entries SEC(".maps");

/* A memcg with nobody left to kill runs out of memory at every page fault: say it once a second. */
struct quiet {
	__u64 last_ns;
	__u64 suppressed;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MAX_QUIET_MEMCGS);
	__type(key, __u64); /* cgroup id */
	__type(value, struct quiet);
} ot_quiet SEC(".maps");

/*
 * Losses by cause: [enum ot_loss] counted here, [OT_LOSS_COUNT + enum ot_loss] what the agent has
 * told of them. Both live in the kernel, so that a restart neither forgets nor repeats a loss.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * OT_LOSS_COUNT);
	__type(key, __u32);
	__type(value, __u64);
} ot_losses SEC(".maps");

/* Records outgrow the 512-byte stack. */
union scratch {
	struct ot_kill kill;
	struct ot_oom_without_kill oom_without_kill;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, union scratch);
} ot_scratch SEC(".maps");

static __always_inline void count_loss(enum ot_loss cause)
{
	__u32 key = cause;
	__u64 *count = bpf_map_lookup_elem(&ot_losses, &key);

	if (count)
		__sync_fetch_and_add(count, 1);
}

#endif /* OOMTRAIL_BPF_MAPS_BPF_H */
