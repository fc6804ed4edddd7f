/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * What a record holds and where the kernel keeps it; written once for both ways to read memory
 * (`direct`, see kernel_flavors.bpf.h).
 */
#ifndef OOMTRAIL_BPF_COLLECT_BPF_H
#define OOMTRAIL_BPF_COLLECT_BPF_H

#include "bpf/kernel_flavors.bpf.h"
#include "bpf/maps.bpf.h"
#include "bpf/memory_cgroup.bpf.h"

static __always_inline void fill_header(struct ot_header *header, enum ot_record_type type,
					__u32 length)
{
	header->type = type;
	header->abi = OOMTRAIL_ABI;
	header->length = length;
	header->boot_ns = bpf_ktime_get_boot_ns();
}

static __always_inline void fill_counters(bool direct, struct mem_cgroup *memcg,
					  struct ot_level *level)
{
	const __u32 oom = bpf_core_enum_value(enum memcg_memory_event, MEMCG_OOM);
	const __u32 oom_kill = bpf_core_enum_value(enum memcg_memory_event, MEMCG_OOM_KILL);

	level->usage_pages = READ(direct, memcg, memory.usage.counter);
	level->limit_pages = READ(direct, memcg, memory.max);
	level->swap_usage_pages = READ(direct, memcg, swap.usage.counter);
	level->swap_limit_pages = READ(direct, memcg, swap.max);
	level->oom_count = READ(direct, memcg, memory_events_local[oom].counter);
	level->oom_kill_count = READ(direct, memcg, memory_events_local[oom_kill].counter);
	level->flags |= OT_LEVEL_COUNTERS;
	if (READ(direct, memcg, oom_group))
		level->flags |= OT_LEVEL_OOM_GROUP;
}

static __always_inline void fill_level(bool direct, struct cgroup_subsys_state *css,
				       struct ot_level *level)
{
	struct cgroup *cgroup = READ(direct, css, cgroup);
	struct kernfs_node *node = cgroup ? READ(direct, cgroup, kn) : 0;

	level->memcg_id = 0;
	level->flags = 0;
	level->pad = 0;
	if (node) {
		level->memcg_id = READ(direct, node, id);
		if (read_name(direct, node, level->name))
			level->flags |= OT_LEVEL_NAMED;
	}
	switch (memcg_access(direct)) {
	case MEMCG_BY_CAST:
		fill_counters(true,
			      bpf_rdonly_cast(css, bpf_core_type_id_kernel(struct mem_cgroup)),
			      level);
		break;
	case MEMCG_BY_PROBE:
		fill_counters(false, (struct mem_cgroup *)css, level);
		break;
	case MEMCG_NONE:
		break;
	}
}

/* Fills level `i` and returns the css above it; NULL stays NULL. */
static __always_inline struct cgroup_subsys_state *
add_level(bool direct, struct cgroup_subsys_state *css, struct ot_chain *chain, int i)
{
	if (!css)
		return 0;
	fill_level(direct, css, &chain->levels[i]);
	chain->count = i + 1;
	return READ(direct, css, parent);
}

/* The chain from `css` up to the root. */
static __always_inline void fill_chain(bool direct, struct cgroup_subsys_state *css,
				       struct ot_chain *chain)
{
	struct cgroup_root *root;
	struct cgroup *cgroup;

	chain->count = 0;
	chain->hierarchy = 0;
	chain->flags = 0;
	chain->page_size = page_size;
	if (!css)
		return;
	cgroup = READ(direct, css, cgroup);
	root = cgroup ? READ(direct, cgroup, root) : 0;
	if (root)
		chain->hierarchy = READ(direct, root, hierarchy_id);
	if (direct) {
		/*
		 * Unrolled, for clang closes this loop by falling through into its head, which the
		 * verifier before 6.3 refuses ("back-edge").
		 */
#pragma unroll
		for (int i = 0; i < OT_MAX_LEVELS; i++)
			css = add_level(direct, css, chain, i);
	} else {
		for (int i = 0; i < OT_MAX_LEVELS; i++)
			css = add_level(direct, css, chain, i);
	}
	if (!css)
		chain->flags |= OT_CHAIN_COMPLETE;
}

static __always_inline __u32 chain_bytes(const struct ot_chain *chain)
{
	__u32 count = chain->count;

	if (count > OT_MAX_LEVELS)
		count = OT_MAX_LEVELS;
	return __builtin_offsetof(struct ot_chain, levels) + count * sizeof(struct ot_level);
}

static __always_inline void fill_comm(bool direct, struct task_struct *task, char *comm)
{
	if (!direct) {
		bpf_core_read(comm, OT_COMM_BYTES, &task->comm);
		return;
	}
	/* A direct load of an array is one element at a time. */
#pragma unroll
	for (int i = 0; i < OT_COMM_BYTES; i++)
		comm[i] = task->comm[i];
}

static __always_inline void fill_memory(bool direct, struct mm_struct *mm,
					struct ot_process *process)
{
	if (rss_readable(direct)) {
		process->anon_pages = RSS_PAGES(direct, mm, RSS_ANON);
		process->file_pages = RSS_PAGES(direct, mm, RSS_FILE);
		process->shmem_pages = RSS_PAGES(direct, mm, RSS_SHMEM);
		process->flags |= OT_PROCESS_RSS;
	}
	process->page_table_bytes = READ(direct, mm, pgtables_bytes.counter);
	process->total_vm_pages = READ(direct, mm, total_vm);
	process->flags |= OT_PROCESS_PAGE_TABLES | OT_PROCESS_TOTAL_VM;
}

/* False where the task has neither memory nor a live thread: there is nothing to kill. */
static __always_inline bool fill_victim(bool direct, struct task_struct *task,
					struct ot_process *victim)
{
	/* A leader that has exited keeps the names; the thread the kernel found has the memory. */
	struct task_struct *leader = READ(direct, task, group_leader);
	struct signal_struct *signal = READ(direct, task, signal);
	struct cred *cred = READ(direct, task, cred);
	struct mm_struct *mm = READ(direct, task, mm);

	__builtin_memset(victim, 0, sizeof(*victim));
	victim->tid = READ(direct, task, pid);
	victim->tgid = READ(direct, task, tgid);
	victim->flags = OT_PROCESS_TGID;
	if (leader) {
		victim->start_boot_ns = READ(direct, leader, start_boottime);
		fill_comm(direct, leader, victim->comm);
		victim->flags |= OT_PROCESS_START | OT_PROCESS_COMM;
	}
	if (cred) {
		victim->uid = READ(direct, cred, uid.val);
		victim->flags |= OT_PROCESS_UID;
	}
	if (signal) {
		victim->oom_score_adj = READ(direct, signal, oom_score_adj);
		victim->flags |= OT_PROCESS_SCORE_ADJ;
	}
	if (mm) {
		fill_memory(direct, mm, victim);
		return true;
	}
	return signal && READ(direct, signal, live.counter) > 0;
}

/* The task whose allocation, or write to memory.max, began this OOM. */
static __always_inline void fill_trigger(bool direct, struct ot_trigger *trigger)
{
	__u64 pid_tgid = bpf_get_current_pid_tgid();
	struct task_struct *task;

	__builtin_memset(trigger, 0, sizeof(*trigger));
	trigger->tgid = pid_tgid >> 32;
	trigger->tid = (__u32)pid_tgid;
	bpf_get_current_comm(trigger->comm, sizeof(trigger->comm));
	if (direct && has_current_btf) {
		task = current_direct();
		if (task)
			trigger->memcg_id = css_cgroup_id(true, memory_css(true, task));
	} else if (has_probe_read) {
		task = (struct task_struct *)bpf_get_current_task();
		if (task)
			trigger->memcg_id = css_cgroup_id(false, memory_css(false, task));
	} else if (memory_hierarchy == 0) {
		trigger->memcg_id = bpf_get_current_cgroup_id();
	}
}

static __always_inline void fill_oom(bool direct, struct oom_control *oc, struct ot_oom *oom)
{
	struct mem_cgroup *memcg = READ(direct, oc, memcg);

	__builtin_memset(oom, 0, sizeof(*oom));
	oom->flags = OT_OOM_PRESENT;
	oom->constraint = READ(direct, oc, constraint);
	oom->order = READ(direct, oc, order);
	oom->gfp = READ(direct, oc, gfp_mask);
	oom->total_pages = READ(direct, oc, totalpages);
	oom->sequence = bpf_ktime_get_boot_ns();
	if (memcg) {
		struct cgroup *cgroup = READ(direct, memcg, css.cgroup);

		oom->limit_memcg_id = cgroup_id(direct, cgroup);
		oom->limit_usage_pages = READ(direct, memcg, memory.usage.counter);
		oom->limit_max_pages = READ(direct, memcg, memory.max);
		oom->flags |= OT_OOM_LIMIT;
	}
}

#endif /* OOMTRAIL_BPF_COLLECT_BPF_H */
