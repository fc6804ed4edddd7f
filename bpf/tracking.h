/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * What the allocation tracking programs keep and agent/kernel/allocation_tracker reads. The two
 * live and die together: nothing here is pinned, so there is no ABI but this file.
 */
#ifndef OOMTRAIL_BPF_TRACKING_H
#define OOMTRAIL_BPF_TRACKING_H

#include <linux/types.h>

#define OT_TRACKED_PROCESSES 4096
#define OT_TRACKED_CGROUPS 2048
#define OT_TRACKED_OBJECTS 16384	/* sampled allocations that wait for their free */
#define OT_TRACKING_KEYS 64
#define OT_TRACKING_COMM_BYTES 16
/* A counter for each hash of an object's address: most frees are seen at it not to be ours. */
#define OT_OBJECT_FILTER_BITS 14
/* Squares are summed in this unit, squared: a byte's would overflow. */
#define OT_SQUARES_SHIFT 5

/* Written by user space, also while the programs run. */
struct ot_tracking_config {
	__u64 until_ns;		/* CLOCK_BOOTTIME: when the window closes; 0: it is always open */
	__u32 window;		/* number of the window; 0: always open */
	__u32 threshold;	/* a random number up to this is a sample */
	__u32 weight;		/* how many events a sample stands for; 0: none is taken */
	__u32 keyed;		/* only what is in the map of keys */
	__u32 frees;		/* samples are kept until they are freed */
	__u32 pad;
};

enum ot_key_kind { OT_KEY_CGROUP = 1, OT_KEY_PROCESS = 2 };

struct ot_tracking_key {
	__u64 id;
	__u32 kind;		/* enum ot_key_kind */
	__u32 pad;
};

/* Sums of a process or cgroup on one CPU, each sample times what it stands for. */
struct ot_allocations {
	__u64 bytes;
	__u64 freed_bytes;
	__u64 count;
	__u64 samples;
	__u64 squares;		/* of bytes: of each sample, or of each window that is over */
	__u64 cluster;		/* bytes in the newest window */
	__u32 window;		/* its number */
	__u32 pad;
};

struct ot_process_allocations {
	struct ot_allocations sums;
	__u64 last_ns;		/* CLOCK_BOOTTIME */
	__u64 cgroup_id;
	char comm[OT_TRACKING_COMM_BYTES];
};

struct ot_cgroup_allocations {
	struct ot_allocations sums;
	__u64 last_ns;
};

enum ot_resident_kind { OT_RESIDENT_FILE, OT_RESIDENT_ANON, OT_RESIDENT_SWAP, OT_RESIDENT_SHMEM };

/* Absolute, so of no CPU in particular: the newest sample says it all. */
struct ot_resident {
	__u64 last_ns;
	__u64 cgroup_id;
	__u64 pages[4];		/* by enum ot_resident_kind, which is the kernel's own numbering */
	__u32 known;		/* a bit for each of them */
	__u32 pad;
	char comm[OT_TRACKING_COMM_BYTES];
};

struct ot_object {
	__u64 cgroup_id;
	__u64 bytes;		/* times what the sample stands for */
	__u32 tgid;
	__u32 pad;
};

/* Of one CPU. */
struct ot_tracking_tally {
	__u64 drawn;		/* events that were samples, whoever made them */
	__u64 recorded;		/* those that somebody was charged with */
	__u64 refused;		/* events, or parts of them, that found no room */
};

#ifdef __cplusplus
#define OT_TRACKING_ASSERT(condition) static_assert(condition)
#else
#define OT_TRACKING_ASSERT(condition) _Static_assert(condition, #condition)
#endif

OT_TRACKING_ASSERT(sizeof(struct ot_tracking_config) == 32);
OT_TRACKING_ASSERT(sizeof(struct ot_tracking_key) == 16);
OT_TRACKING_ASSERT(sizeof(struct ot_allocations) == 56);
OT_TRACKING_ASSERT(sizeof(struct ot_process_allocations) == 88);
OT_TRACKING_ASSERT(sizeof(struct ot_cgroup_allocations) == 64);
OT_TRACKING_ASSERT(sizeof(struct ot_resident) == 72);
OT_TRACKING_ASSERT(sizeof(struct ot_object) == 24);
OT_TRACKING_ASSERT(sizeof(struct ot_tracking_tally) == 24);
OT_TRACKING_ASSERT(__builtin_offsetof(struct ot_process_allocations, comm) == 72);
OT_TRACKING_ASSERT(__builtin_offsetof(struct ot_resident, comm) == 56);

#endif /* OOMTRAIL_BPF_TRACKING_H */
