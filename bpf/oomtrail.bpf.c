/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Every program, one a hook and method. None loads by itself (SEC("?…")): the loader picks, per
 * hook, the best method that this kernel lets load and attach (agent/kernel/hooks.h).
 *
 * The kernel's path of an OOM, all of it under the global oom_lock:
 *
 *   mem_cgroup_out_of_memory(memcg)          a page charge, or a write to memory.max
 *     out_of_memory(oc)                      also straight from the page allocator, and sysrq-f
 *       oom_kill_process(oc)                 context
 *         __oom_kill_process(victim)         victim; memory.events oom_kill rises in it
 *           mark_oom_victim(victim)          tracepoint oom:mark_victim
 *         for each member of the oom.group:
 *           __oom_kill_process(member)       victim; the first one may pass again
 *       mark_oom_victim(task)                tracepoint too, for a task dying anyway: no kill
 */
#include <linux/bpf.h>
#include <linux/ptrace.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "bpf/collect.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

static __always_inline union scratch *scratch(void)
{
	__u32 zero = 0;
	union scratch *record = bpf_map_lookup_elem(&ot_scratch, &zero);

	if (!record)
		count_loss(OT_LOSS_SCRATCH);
	return record;
}

/* ---- context: what oom_control says, kept for the victims killed inside ---- */

static __always_inline void begin_oom(bool direct, struct oom_control *oc)
{
	__u64 key = bpf_get_current_pid_tgid();
	struct ot_oom oom;

	fill_oom(direct, oc, &oom);
	if (bpf_map_update_elem(&ot_contexts, &key, &oom, BPF_ANY))
		count_loss(OT_LOSS_CONTEXT_MAP);
}

static __always_inline void end_oom(void)
{
	__u64 key = bpf_get_current_pid_tgid();

	bpf_map_delete_elem(&ot_contexts, &key);
}

SEC("?fentry/oom_kill_process")
int BPF_PROG(context_fentry, struct oom_control *oc)
{
	begin_oom(true, oc);
	return 0;
}

SEC("?fexit/oom_kill_process")
int BPF_PROG(context_fexit)
{
	end_oom();
	return 0;
}

SEC("?kprobe/oom_kill_process")
int BPF_KPROBE(context_kprobe, struct oom_control *oc)
{
	begin_oom(false, oc);
	return 0;
}

SEC("?kretprobe/oom_kill_process")
int context_kretprobe(void *ctx)
{
	end_oom();
	return 0;
}

/* ---- victim ---- */

static __always_inline void join_oom(struct ot_oom *oom)
{
	__u64 key = bpf_get_current_pid_tgid();
	struct ot_oom *context = bpf_map_lookup_elem(&ot_contexts, &key);

	if (context)
		*oom = *context;
	else
		__builtin_memset(oom, 0, sizeof(*oom));
}

static __always_inline void send_kill(struct ot_kill *kill, enum ot_hook hook,
				      enum ot_method method)
{
	__u32 length = __builtin_offsetof(struct ot_kill, chain) + chain_bytes(&kill->chain);

	fill_header(&kill->header, OT_RECORD_KILL, length);
	kill->hook = hook;
	kill->method = method;
	kill->pad0 = 0;
	kill->pad1 = 0;
	if (bpf_ringbuf_output(&ot_kills, kill, length, 0))
		count_loss(OT_LOSS_KILL_RING_FULL);
}

static __always_inline void on_victim(bool direct, struct task_struct *task, enum ot_hook hook,
				      enum ot_method method)
{
	union scratch *record = scratch();

	if (!record || !fill_victim(direct, task, &record->kill.victim))
		return;
	fill_trigger(direct, &record->kill.trigger);
	join_oom(&record->kill.oom);
	fill_chain(direct, memory_css(direct, task), &record->kill.chain);
	send_kill(&record->kill, hook, method);
}

SEC("?fentry/__oom_kill_process")
int BPF_PROG(victim_fentry, struct task_struct *victim)
{
	on_victim(true, victim, OT_HOOK_OOM_KILL_PROCESS, OT_METHOD_FENTRY);
	return 0;
}

SEC("?kprobe/__oom_kill_process")
int BPF_KPROBE(victim_kprobe, struct task_struct *victim)
{
	on_victim(false, victim, OT_HOOK_OOM_KILL_PROCESS, OT_METHOD_KPROBE);
	return 0;
}

SEC("?tp_btf/mark_victim")
int BPF_PROG(victim_tp_btf, struct task_struct *task)
{
	on_victim(true, task, OT_HOOK_MARK_VICTIM, OT_METHOD_TP_BTF);
	return 0;
}

/* Only a pid is known, and it is not the current task's: user space asks /proc for the rest. */
static __always_inline void on_victim_pid(__u32 tid, enum ot_method method)
{
	union scratch *record = scratch();

	if (!record)
		return;
	__builtin_memset(&record->kill.victim, 0, sizeof(record->kill.victim));
	record->kill.victim.tid = tid;
	fill_trigger(method == OT_METHOD_TP_BTF, &record->kill.trigger);
	join_oom(&record->kill.oom);
	fill_chain(true, 0, &record->kill.chain);
	send_kill(&record->kill, OT_HOOK_MARK_VICTIM, method);
}

/* Where the tracepoint's argument is a pid (see btf_trace_mark_victim). */
SEC("?tp_btf/mark_victim")
int BPF_PROG(victim_tp_btf_pid, int tid)
{
	struct task_struct *task;

	if ((__u32)tid == (__u32)bpf_get_current_pid_tgid()) {
		/* A process that outgrows its own limit, the usual case, is its own trigger. */
		task = current_direct();
		if (task) {
			on_victim(true, task, OT_HOOK_MARK_VICTIM, OT_METHOD_TP_BTF);
			return 0;
		}
		if (has_probe_read) {
			task = (struct task_struct *)bpf_get_current_task();
			on_victim(false, task, OT_HOOK_MARK_VICTIM, OT_METHOD_TP_BTF);
			return 0;
		}
	}
	on_victim_pid(tid, OT_METHOD_TP_BTF);
	return 0;
}

#define KB_TO_PAGES(kb) ((kb) * 1024 / page_size)

SEC("?tracepoint/oom/mark_victim")
int victim_tracepoint(struct trace_event_raw_mark_victim *ctx)
{
	struct trace_event_raw_mark_victim___since_6_10 *event = (void *)ctx;
	__u32 tid = ctx->pid;
	union scratch *record;
	struct ot_process *victim;

	if (tid == (__u32)bpf_get_current_pid_tgid()) {
		on_victim(false, (struct task_struct *)bpf_get_current_task(), OT_HOOK_MARK_VICTIM,
			  OT_METHOD_TRACEPOINT);
		return 0;
	}
	if (!bpf_core_field_exists(event->anon_rss)) {
		on_victim_pid(tid, OT_METHOD_TRACEPOINT);
		return 0;
	}
	record = scratch();
	if (!record)
		return 0;
	victim = &record->kill.victim;
	__builtin_memset(victim, 0, sizeof(*victim));
	victim->tid = tid;
	bpf_probe_read_kernel_str(victim->comm, sizeof(victim->comm),
				  (void *)ctx + (event->__data_loc_comm & 0xffff));
	victim->uid = event->uid;
	victim->oom_score_adj = event->oom_score_adj;
	victim->anon_pages = KB_TO_PAGES(event->anon_rss);
	victim->file_pages = KB_TO_PAGES(event->file_rss);
	victim->shmem_pages = KB_TO_PAGES(event->shmem_rss);
	victim->total_vm_pages = KB_TO_PAGES(event->total_vm);
	victim->page_table_bytes = event->pgtables * 1024;
	victim->flags = OT_PROCESS_COMM | OT_PROCESS_UID | OT_PROCESS_SCORE_ADJ | OT_PROCESS_RSS |
			OT_PROCESS_TOTAL_VM | OT_PROCESS_PAGE_TABLES;
	fill_trigger(false, &record->kill.trigger);
	join_oom(&record->kill.oom);
	fill_chain(true, 0, &record->kill.chain);
	send_kill(&record->kill, OT_HOOK_MARK_VICTIM, OT_METHOD_TRACEPOINT);
	return 0;
}

/* ---- a memory cgroup out of memory, and nothing killed ---- */

/* Whether this memcg has been silent for a second; else the record is only counted. */
static __always_inline bool speaks(__u64 memcg_id, __u64 *suppressed)
{
	struct quiet *quiet = bpf_map_lookup_elem(&ot_quiet, &memcg_id);
	struct quiet first = {};
	__u64 now = bpf_ktime_get_boot_ns();

	*suppressed = 0;
	if (!quiet) {
		first.last_ns = now;
		bpf_map_update_elem(&ot_quiet, &memcg_id, &first, BPF_ANY);
		return true;
	}
	if (now - quiet->last_ns < 1000000000ULL) {
		quiet->suppressed++;
		return false;
	}
	*suppressed = quiet->suppressed;
	quiet->last_ns = now;
	quiet->suppressed = 0;
	return true;
}

/*
 * A write to memory.max tries again until it has its way, also once the last victim's memory has
 * come back: what found nobody to kill then was no OOM any more.
 */
static __always_inline bool has_room(bool direct, struct mem_cgroup *memcg, __s32 order)
{
	__u64 wanted = 1ULL << (order & 31);
	__u64 usage = READ(direct, memcg, memory.usage.counter);
	__u64 limit = READ(direct, memcg, memory.max);

	if (usage + wanted > limit)
		return false;
	if (memory_hierarchy == 0)
		return true;
	/* cgroup v1: memory+swap is a limit of its own. */
	usage = READ(direct, memcg, swap.usage.counter);
	limit = READ(direct, memcg, swap.max);
	return usage + wanted <= limit;
}

static __always_inline void on_oom_without_kill(bool direct, struct cgroup_subsys_state *css,
						__u32 gfp, __s32 order, enum ot_method method)
{
	struct ot_oom_without_kill *oom;
	union scratch *record;
	__u64 suppressed;
	__u32 length;

	if (!css || !speaks(css_cgroup_id(direct, css), &suppressed))
		return;
	record = scratch();
	if (!record)
		return;
	oom = &record->oom_without_kill;
	oom->hook = OT_HOOK_MEMCG_OUT_OF_MEMORY;
	oom->method = method;
	oom->pad0 = 0;
	oom->pad1 = 0;
	oom->order = order;
	oom->gfp = gfp;
	oom->suppressed = suppressed;
	fill_trigger(direct, &oom->trigger);
	fill_chain(direct, css, &oom->chain);
	length = __builtin_offsetof(struct ot_oom_without_kill, chain) + chain_bytes(&oom->chain);
	fill_header(&oom->header, OT_RECORD_OOM_WITHOUT_KILL, length);
	if (bpf_ringbuf_output(&ot_kills, oom, length, 0))
		count_loss(OT_LOSS_OOM_RING_FULL);
}

/*
 * True also where the task is dying anyway or the limit has room again: only false says that an OOM
 * found nobody to kill.
 */
SEC("?fexit/mem_cgroup_out_of_memory")
int BPF_PROG(memcg_oom_fexit, struct mem_cgroup *memcg, unsigned int gfp, int order, bool killed)
{
	struct cgroup *cgroup;

	if (killed || has_room(true, memcg, order))
		return 0;
	/* By way of the cgroup, for a pointer that is tracked as a css. */
	cgroup = memcg->css.cgroup;
	if (cgroup) {
		const __u32 memory = bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id);

		on_oom_without_kill(true, cgroup->subsys[memory], gfp, order, OT_METHOD_FENTRY);
	}
	return 0;
}

SEC("?kprobe/mem_cgroup_out_of_memory")
int BPF_KPROBE(memcg_oom_kprobe, struct mem_cgroup *memcg, unsigned int gfp, int order)
{
	__u64 key = bpf_get_current_pid_tgid();
	struct memcg_entry entry = {.memcg = (__u64)memcg, .gfp = gfp, .order = order};

	if (bpf_map_update_elem(&ot_entries, &key, &entry, BPF_ANY))
		count_loss(OT_LOSS_CONTEXT_MAP);
	return 0;
}

SEC("?kretprobe/mem_cgroup_out_of_memory")
int BPF_KRETPROBE(memcg_oom_kretprobe, int killed)
{
	__u64 key = bpf_get_current_pid_tgid();
	struct memcg_entry *found = bpf_map_lookup_elem(&ot_entries, &key);
	struct memcg_entry entry;

	if (!found)
		return 0;
	entry = *found;
	bpf_map_delete_elem(&ot_entries, &key);
	/* A bool is returned: only the low byte of the register means anything. */
	if (killed & 0xff || has_room(false, (struct mem_cgroup *)entry.memcg, entry.order))
		return 0;
	on_oom_without_kill(false, &((struct mem_cgroup *)entry.memcg)->css, entry.gfp, entry.order,
			    OT_METHOD_KPROBE);
	return 0;
}

/* ---- hints: cgroups come and go ---- */

static __always_inline void send_change(struct ot_cgroup_change *change, enum ot_record_type type)
{
	fill_header(&change->header, type, sizeof(*change));
	if (bpf_ringbuf_output(&ot_hints, change, sizeof(*change), 0))
		count_loss(OT_LOSS_HINT_RING_FULL);
}

static __always_inline void on_cgroup(struct cgroup *cgroup, enum ot_record_type type)
{
	struct ot_cgroup_change change = {};
	struct cgroup_subsys_state *parent;
	struct kernfs_node *node;
	struct cgroup_root *root = cgroup->root;

	if (!root || (__u32)root->hierarchy_id != memory_hierarchy)
		return;
	node = cgroup->kn;
	if (!node)
		return;
	change.id = node->id;
	parent = cgroup->self.parent;
	change.parent_id = css_cgroup_id(true, parent);
	change.named = read_name(true, node, change.name);
	send_change(&change, type);
}

SEC("?tp_btf/cgroup_mkdir")
int BPF_PROG(cgroup_made_tp_btf, struct cgroup *cgroup)
{
	on_cgroup(cgroup, OT_RECORD_CGROUP_MADE);
	return 0;
}

SEC("?tp_btf/cgroup_rmdir")
int BPF_PROG(cgroup_removed_tp_btf, struct cgroup *cgroup)
{
	on_cgroup(cgroup, OT_RECORD_CGROUP_REMOVED);
	return 0;
}

SEC("?tp_btf/cgroup_rename")
int BPF_PROG(cgroup_renamed_tp_btf, struct cgroup *cgroup)
{
	on_cgroup(cgroup, OT_RECORD_CGROUP_RENAMED);
	return 0;
}

/* The event has the id; the name is had from it by open_by_handle_at. */
static __always_inline void on_cgroup_event(struct trace_event_raw_cgroup *ctx,
					    enum ot_record_type type)
{
	struct ot_cgroup_change change = {};

	if ((__u32)ctx->root != memory_hierarchy)
		return;
	change.id = ctx->id;
	send_change(&change, type);
}

SEC("?tracepoint/cgroup/cgroup_mkdir")
int cgroup_made_tracepoint(struct trace_event_raw_cgroup *ctx)
{
	on_cgroup_event(ctx, OT_RECORD_CGROUP_MADE);
	return 0;
}

SEC("?tracepoint/cgroup/cgroup_rmdir")
int cgroup_removed_tracepoint(struct trace_event_raw_cgroup *ctx)
{
	on_cgroup_event(ctx, OT_RECORD_CGROUP_REMOVED);
	return 0;
}

SEC("?tracepoint/cgroup/cgroup_rename")
int cgroup_renamed_tracepoint(struct trace_event_raw_cgroup *ctx)
{
	on_cgroup_event(ctx, OT_RECORD_CGROUP_RENAMED);
	return 0;
}
