/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Everything that differs between kernels, one getter each. Features are probed in the running
 * kernel's BTF or set by the loader, never derived from a version: distributions backport.
 *
 * `direct` chooses how memory is read and is a constant wherever these are inlined:
 *   direct     loads through BTF-typed pointers; no helper, so it also works where lockdown
 *              forbids bpf_probe_read_kernel (fentry, fexit, tp_btf)
 *   !direct    bpf_probe_read_kernel (kprobe, tracepoint)
 */
#ifndef OOMTRAIL_BPF_KERNEL_FLAVORS_BPF_H
#define OOMTRAIL_BPF_KERNEL_FLAVORS_BPF_H

#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "bpf/events.h"
#include "bpf/kernel_types.bpf.h"

/* What the loader found this kernel to offer; see agent/kernel/kernel_features.h. */
const volatile __u8 has_snprintf;	/* bpf_snprintf (5.13) */
const volatile __u8 has_probe_read;	/* bpf_probe_read_kernel: not if lockdown=confidentiality */
const volatile __u8 has_rdonly_cast;	/* bpf_rdonly_cast (6.2) */
const volatile __u8 has_current_btf;	/* bpf_get_current_task_btf (5.11) */
const volatile __u32 page_size = 4096;
const volatile __u32 memory_hierarchy;	/* hierarchy id of the memory controller, 0: v2 */

extern void *bpf_rdonly_cast(const void *object, __u32 btf_id) __ksym __weak;

#define READ(direct, pointer, member)                                             \
	({                                                                        \
		typeof((pointer)->member) value_;                                 \
		if (direct)                                                       \
			value_ = (pointer)->member;                               \
		else                                                              \
			bpf_core_read(&value_, sizeof(value_), &(pointer)->member); \
		value_;                                                           \
	})

/*
 * A css of the memory controller is the first member of its mem_cgroup, but the verifier tracks the
 * type a pointer was loaded with. bpf_rdonly_cast tells it otherwise; before 6.2 the counters of a
 * css can only be had by bpf_probe_read_kernel.
 */
enum memcg_access { MEMCG_NONE, MEMCG_BY_CAST, MEMCG_BY_PROBE };

static __always_inline enum memcg_access memcg_access(bool direct)
{
	if (!direct)
		return MEMCG_BY_PROBE;
	if (has_rdonly_cast)
		return MEMCG_BY_CAST;
	return has_probe_read ? MEMCG_BY_PROBE : MEMCG_NONE;
}

/*
 * Resident pages, as mm_counter reads them for the kernel's own "Killed process" line.
 * Before 6.2 atomics (struct mm_rss_stat), since f1a7941243c1 per-CPU counters, whose `count`
 * lacks what the CPUs still hold. The kernel's line lacks it as well.
 */
#define RSS_FILE 0
#define RSS_ANON 1
#define RSS_SHMEM 3

struct mm_rss_stat___before_6_2 {
	atomic_long_t count[4];
} __attribute__((preserve_access_index));

struct mm_struct___before_6_2 {
	struct mm_rss_stat___before_6_2 rss_stat;
} __attribute__((preserve_access_index));

struct percpu_counter {
	__s64 count;
} __attribute__((preserve_access_index));

struct mm_struct___since_6_2 {
	struct percpu_counter rss_stat[4];
} __attribute__((preserve_access_index));

/*
 * Before 6.2's verifier an element of atomic_long_t[] cannot be loaded directly ("Type
 * 'atomic_long_t' is not a struct"): there the old layout takes bpf_probe_read_kernel.
 */
static __always_inline bool rss_readable(bool direct)
{
	if (bpf_core_field_exists(((struct mm_struct___before_6_2 *)0)->rss_stat.count))
		return !direct || has_probe_read;
	return bpf_core_field_exists(((struct percpu_counter *)0)->count);
}

/* The index must be a literal: only then is an element's size the running kernel's, not ours. */
#define RSS_PAGES(direct, mm, index)                                                           \
	({                                                                                     \
		__s64 pages_ = 0;                                                              \
		if (bpf_core_field_exists(((struct mm_struct___before_6_2 *)0)->rss_stat.count)) \
			pages_ = READ(false, (struct mm_struct___before_6_2 *)(mm),            \
				      rss_stat.count[index].counter);                          \
		else if (bpf_core_field_exists(((struct percpu_counter *)0)->count))           \
			pages_ = READ(direct, (struct mm_struct___since_6_2 *)(mm),            \
				      rss_stat[index].count);                                  \
		pages_ > 0 ? pages_ : 0;                                                       \
	})

/*
 * A directory's name. It is a `char *`, which cannot be followed by a direct load: bpf_snprintf
 * can, also under lockdown=confidentiality. False where the name is not the whole name.
 */
static __always_inline bool read_name(bool direct, struct kernfs_node *node, char *name)
{
	const char *text = READ(direct, node, name);
	long length = -1;

	if (has_snprintf) {
		__u64 argument = (__u64)text;

		length = bpf_snprintf(name, OT_NAME_BYTES, "%s", &argument, sizeof(argument));
	} else if (has_probe_read) {
		length = bpf_probe_read_kernel_str(name, OT_NAME_BYTES, text);
		/* It also returns OT_NAME_BYTES for a name it cut: told as cut. */
		if (length == OT_NAME_BYTES)
			length = -1;
	}
	/* Both count the NUL; snprintf counts what it had no room for too. */
	return length > 0 && length <= OT_NAME_BYTES;
}

/* The task that runs this program, or NULL where neither way to reach it exists. */
static __always_inline struct task_struct *current_direct(void)
{
	return has_current_btf ? (struct task_struct *)bpf_get_current_task_btf() : 0;
}

/*
 * The mark_victim event's fields. 5.10 has only the pid; 72ba14deb40a (6.10, in distribution
 * kernels before) added the rest, sizes in kB.
 */
struct trace_event_raw_mark_victim {
	int pid;
} __attribute__((preserve_access_index));

struct trace_event_raw_mark_victim___since_6_10 {
	int pid;
	__u32 __data_loc_comm;
	unsigned long total_vm;
	unsigned long anon_rss;
	unsigned long file_rss;
	unsigned long shmem_rss;
	unsigned int uid;
	unsigned long pgtables;
	short oom_score_adj;
} __attribute__((preserve_access_index));

struct trace_event_raw_cgroup {
	int root;
	__u64 id;
} __attribute__((preserve_access_index));

#endif /* OOMTRAIL_BPF_KERNEL_FLAVORS_BPF_H */
