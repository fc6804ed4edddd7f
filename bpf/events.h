/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The records that the kernel side writes and the agent's decode/ reads: the only file both share.
 *
 * Fixed-width fields, explicit padding, little to interpret: BPF collects, user space judges. A
 * record begins with its type, the ABI and its length; a reader skips and counts what it does not
 * know. Change anything here and OOMTRAIL_ABI goes up: it names the pin directory in bpffs.
 */
#ifndef OOMTRAIL_BPF_EVENTS_H
#define OOMTRAIL_BPF_EVENTS_H

#include <linux/types.h>

#define OOMTRAIL_ABI 1

/* Levels of a memory cgroup chain, own cgroup first. Kubernetes in kind in a slice takes 9. */
#define OT_MAX_LEVELS 12
/* Directory names: a systemd scope of a container takes 86 bytes, a kind pod slice 98. */
#define OT_NAME_BYTES 128
#define OT_COMM_BYTES 16

enum ot_record_type {
	OT_RECORD_KILL = 1,
	OT_RECORD_OOM_WITHOUT_KILL = 2,
	OT_RECORD_CGROUP_MADE = 3,
	OT_RECORD_CGROUP_REMOVED = 4,
	OT_RECORD_CGROUP_RENAMED = 5,
};

enum ot_method {
	OT_METHOD_FENTRY = 1,
	OT_METHOD_KPROBE = 2,
	OT_METHOD_TP_BTF = 3,
	OT_METHOD_TRACEPOINT = 4,
};

/* The kernel function or tracepoint that fired. */
enum ot_hook {
	OT_HOOK_OOM_KILL_PROCESS = 1,	/* __oom_kill_process: real kills only */
	OT_HOOK_MARK_VICTIM = 2,	/* also fires for tasks that were already dying */
	OT_HOOK_MEMCG_OUT_OF_MEMORY = 3,
	OT_HOOK_CGROUP = 4,
};

/* Which fields of struct ot_process hold something. */
enum ot_process_flags {
	OT_PROCESS_TGID = 1 << 0,
	OT_PROCESS_COMM = 1 << 1,
	OT_PROCESS_START = 1 << 2,
	OT_PROCESS_UID = 1 << 3,
	OT_PROCESS_SCORE_ADJ = 1 << 4,
	OT_PROCESS_RSS = 1 << 5,
	OT_PROCESS_PAGE_TABLES = 1 << 6,
	OT_PROCESS_TOTAL_VM = 1 << 7,
};

enum ot_level_flags {
	OT_LEVEL_NAMED = 1 << 0,	/* name is the whole directory name */
	OT_LEVEL_COUNTERS = 1 << 1,	/* usage, limit, swap, event counts */
	OT_LEVEL_OOM_GROUP = 1 << 2,	/* memory.oom.group is set (needs COUNTERS) */
};

enum ot_chain_flags {
	OT_CHAIN_COMPLETE = 1 << 0,	/* the last level is the root */
};

enum ot_oom_flags {
	OT_OOM_PRESENT = 1 << 0,	/* the context hook saw this OOM */
	OT_OOM_LIMIT = 1 << 1,		/* limit_* hold something: a memcg OOM */
};

/* Why a record or a fact was lost, by index in the losses map. */
enum ot_loss {
	OT_LOSS_KILL_RING_FULL = 0,
	OT_LOSS_OOM_RING_FULL = 1,
	OT_LOSS_HINT_RING_FULL = 2,
	OT_LOSS_CONTEXT_MAP = 3,
	OT_LOSS_SCRATCH = 4,
	OT_LOSS_COUNT = 5,
};

struct ot_header {
	__u16 type;		/* enum ot_record_type */
	__u16 abi;		/* OOMTRAIL_ABI */
	__u32 length;		/* of the whole record */
	__u64 boot_ns;		/* CLOCK_BOOTTIME */
};

struct ot_process {
	__u32 tgid;
	__u32 tid;
	__u64 start_boot_ns;	/* of the thread group leader */
	char comm[OT_COMM_BYTES]; /* of the thread group leader */
	__u32 uid;
	__s32 oom_score_adj;
	__u64 anon_pages;
	__u64 file_pages;
	__u64 shmem_pages;
	__u64 page_table_bytes;
	__u64 total_vm_pages;
	__u32 flags;		/* enum ot_process_flags */
	__u32 pad;
};

struct ot_trigger {
	__u32 tgid;
	__u32 tid;
	char comm[OT_COMM_BYTES];
	__u64 memcg_id;		/* 0: not readable */
};

/* oom_control, from the context hook. */
struct ot_oom {
	__u32 flags;		/* enum ot_oom_flags */
	__u32 constraint;	/* enum oom_constraint: 0 none, 1 cpuset, 2 mempolicy, 3 memcg */
	__s32 order;		/* -1: sysrq-f */
	__u32 gfp;
	__u64 total_pages;
	__u64 limit_memcg_id;	/* 0: global */
	__u64 limit_usage_pages;
	__u64 limit_max_pages;
	__u64 sequence;		/* boot_ns of the OOM; unique, for oom_lock is held */
};

struct ot_level {
	__u64 memcg_id;
	__u64 usage_pages;
	__u64 limit_pages;
	__u64 swap_usage_pages;	/* v2: swap; v1: memory+swap */
	__u64 swap_limit_pages;
	__u64 oom_count;	/* local */
	__u64 oom_kill_count;	/* local */
	__u32 flags;		/* enum ot_level_flags */
	__u32 pad;
	char name[OT_NAME_BYTES];
};

struct ot_chain {
	__u32 count;		/* levels in use; only these are sent */
	__u32 hierarchy;	/* cgroup hierarchy id, 0: v2 */
	__u32 flags;		/* enum ot_chain_flags */
	__u32 page_size;
	struct ot_level levels[OT_MAX_LEVELS];
};

struct ot_kill {
	struct ot_header header;
	__u8 hook;		/* enum ot_hook */
	__u8 method;		/* enum ot_method */
	__u16 pad0;
	__u32 pad1;
	struct ot_process victim;
	struct ot_trigger trigger;
	struct ot_oom oom;
	struct ot_chain chain;	/* of the victim; sent up to chain.count */
};

struct ot_oom_without_kill {
	struct ot_header header;
	__u8 hook;
	__u8 method;
	__u16 pad0;
	__s32 order;
	__u32 gfp;
	__u32 pad1;
	__u64 suppressed;	/* like ones left out since the last record of this memcg */
	struct ot_trigger trigger;
	struct ot_chain chain;	/* of the memcg that was out of memory */
};

struct ot_cgroup_change {
	struct ot_header header;
	__u64 id;
	__u64 parent_id;	/* 0: not readable */
	__u32 named;		/* 1: name is the whole directory name */
	__u32 pad;
	char name[OT_NAME_BYTES];
};

#define OT_ASSERT(condition) _Static_assert(condition, #condition)
#ifdef __cplusplus
#undef OT_ASSERT
#define OT_ASSERT(condition) static_assert(condition)
#endif

/* Both compilers must agree, or a record means two things. */
OT_ASSERT(sizeof(struct ot_header) == 16);
OT_ASSERT(sizeof(struct ot_process) == 88);
OT_ASSERT(sizeof(struct ot_trigger) == 32);
OT_ASSERT(sizeof(struct ot_oom) == 56);
OT_ASSERT(sizeof(struct ot_level) == 192);
OT_ASSERT(sizeof(struct ot_chain) == 16 + OT_MAX_LEVELS * sizeof(struct ot_level));
OT_ASSERT(sizeof(struct ot_kill) == 16 + 8 + 88 + 32 + 56 + sizeof(struct ot_chain));
OT_ASSERT(sizeof(struct ot_oom_without_kill) == 40 + 32 + sizeof(struct ot_chain));
OT_ASSERT(sizeof(struct ot_cgroup_change) == 168);
OT_ASSERT(__builtin_offsetof(struct ot_process, comm) == 16);
OT_ASSERT(__builtin_offsetof(struct ot_process, anon_pages) == 40);
OT_ASSERT(__builtin_offsetof(struct ot_process, flags) == 80);
OT_ASSERT(__builtin_offsetof(struct ot_trigger, memcg_id) == 24);
OT_ASSERT(__builtin_offsetof(struct ot_oom, total_pages) == 16);
OT_ASSERT(__builtin_offsetof(struct ot_level, flags) == 56);
OT_ASSERT(__builtin_offsetof(struct ot_level, name) == 64);
OT_ASSERT(__builtin_offsetof(struct ot_chain, levels) == 16);
OT_ASSERT(__builtin_offsetof(struct ot_kill, victim) == 24);
OT_ASSERT(__builtin_offsetof(struct ot_kill, trigger) == 112);
OT_ASSERT(__builtin_offsetof(struct ot_kill, oom) == 144);
OT_ASSERT(__builtin_offsetof(struct ot_kill, chain) == 200);
OT_ASSERT(__builtin_offsetof(struct ot_oom_without_kill, suppressed) == 32);
OT_ASSERT(__builtin_offsetof(struct ot_oom_without_kill, chain) == 72);
OT_ASSERT(__builtin_offsetof(struct ot_cgroup_change, name) == 40);

#endif /* OOMTRAIL_BPF_EVENTS_H */
