/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Allocation tracking: who takes kernel memory, and how large processes are. An object of its own,
 * loaded only while tracking is on; user space attaches what was asked for.
 *
 * The tracepoints fire millions of times a second, so a program first draws a random number and
 * mostly ends there. A sample stands for `weight` events and is summed so, which may change at any
 * time.
 * Where even that costs too much, user space attaches the programs for short windows only.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "bpf/memory_cgroup.bpf.h"
#include "bpf/tracking_maps.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct kmem_cache {
	unsigned int size;
} __attribute__((preserve_access_index));

struct task_struct___flags {
	unsigned int flags;
} __attribute__((preserve_access_index));

#define PF_EXITING 0x4

/* For how many events this one stands; 0: it is no sample. */
static __always_inline __u32 sample_below(__u64 threshold)
{
	__u32 weight;
	__u64 until_ns;

	if (bpf_get_prandom_u32() > threshold)
		return 0;
	weight = ot_config.weight;
	until_ns = ot_config.until_ns;
	/* User space may be late to close a window, which must be as long as it was meant to be. */
	if (!weight || (until_ns && bpf_ktime_get_boot_ns() > until_ns))
		return 0;
	count_drawn();
	return weight;
}

static __always_inline __u32 sample(void)
{
	return sample_below(ot_config.threshold);
}

/* Who runs. */
struct actor {
	struct task_struct *task;
	__u64 cgroup_id;
	__u32 tgid;
};

static __always_inline bool is_key(__u64 id, enum ot_key_kind kind)
{
	struct ot_tracking_key key = {.id = id, .kind = kind};

	return bpf_map_lookup_elem(&ot_keys, &key);
}

/*
 * False where nobody is to be charged: the idle task, a process that is being taken apart, one that
 * was not chosen. What an interrupt allocates counts to whom it interrupted: nothing cheap tells.
 */
static __always_inline bool find_actor(bool direct, struct task_struct *task, struct actor *actor)
{
	actor->task = task;
	actor->tgid = bpf_get_current_pid_tgid() >> 32;
	if (!actor->tgid || !task)
		return false;
	if (READ(direct, (struct task_struct___flags *)task, flags) & PF_EXITING)
		return false;
	actor->cgroup_id = css_cgroup_id(direct, memory_css(direct, task));
	if (!ot_config.keyed)
		return true;
	return is_key(actor->cgroup_id, OT_KEY_CGROUP) || is_key(actor->tgid, OT_KEY_PROCESS);
}

static __always_inline void fill_comm(bool direct, struct task_struct *task, char *comm)
{
	struct task_struct *leader = READ(direct, task, group_leader);

	if (!leader)
		return;
	for (int i = 0; i < OT_TRACKING_COMM_BYTES - 1; i++)
		comm[i] = READ(direct, leader, comm[i]);
}

/* ---- kernel memory ---- */

static __always_inline __u64 square(__u64 bytes)
{
	__u64 unit = bytes >> OT_SQUARES_SHIFT;

	if (unit > 0x7fffffff)
		unit = 0x7fffffff;
	return unit * unit;
}

/*
 * Samples are drawn one by one, so the squares of each give the variance of their sum. With windows
 * it is the windows that are drawn: what falls into one counts as a whole.
 */
static __always_inline void add(struct ot_allocations *sums, __u64 bytes, __u32 weight)
{
	__u32 window = ot_config.window;

	sums->bytes += bytes * weight;
	sums->count += weight;
	sums->samples++;
	if (!window) {
		if (weight > 1)
			sums->squares += square(bytes * weight);
		return;
	}
	if (sums->window != window) {
		sums->squares += square(sums->cluster);
		sums->cluster = 0;
		sums->window = window;
	}
	sums->cluster += bytes * weight;
}

static __always_inline void add_to_process(bool direct, const struct actor *actor, __u64 bytes,
					   __u32 weight)
{
	struct ot_process_allocations *found = bpf_map_lookup_elem(&ot_processes, &actor->tgid);
	struct ot_process_allocations first = {};

	if (!found) {
		bpf_map_update_elem(&ot_processes, &actor->tgid, &first, BPF_NOEXIST);
		found = bpf_map_lookup_elem(&ot_processes, &actor->tgid);
		if (!found) {
			count_refused();
			return;
		}
	}
	add(&found->sums, bytes, weight);
	found->last_ns = bpf_ktime_get_boot_ns();
	found->cgroup_id = actor->cgroup_id;
	fill_comm(direct, actor->task, found->comm);
}

static __always_inline void add_to_cgroup(const struct actor *actor, __u64 bytes, __u32 weight)
{
	struct ot_cgroup_allocations *found = bpf_map_lookup_elem(&ot_cgroups, &actor->cgroup_id);
	struct ot_cgroup_allocations first = {};

	if (!actor->cgroup_id)
		return;
	if (!found) {
		bpf_map_update_elem(&ot_cgroups, &actor->cgroup_id, &first, BPF_NOEXIST);
		found = bpf_map_lookup_elem(&ot_cgroups, &actor->cgroup_id);
		if (!found) {
			count_refused();
			return;
		}
	}
	add(&found->sums, bytes, weight);
	found->last_ns = bpf_ktime_get_boot_ns();
}

static __always_inline __u32 filter_slot(__u64 address)
{
	return (address * 0x9e3779b97f4a7c15ULL) >> (64 - OT_OBJECT_FILTER_BITS);
}

/* Until it is freed. One whose free was not seen is replaced by the next at its address. */
static __always_inline void keep_object(const struct actor *actor, __u64 address, __u64 bytes)
{
	struct ot_object object = {
		.cgroup_id = actor->cgroup_id, .bytes = bytes, .tgid = actor->tgid};
	__u32 slot = filter_slot(address);

	if (bpf_map_lookup_elem(&ot_objects, &address))
		bpf_map_update_elem(&ot_objects, &address, &object, BPF_EXIST);
	else if (bpf_map_update_elem(&ot_objects, &address, &object, BPF_NOEXIST))
		count_refused();
	else
		__sync_fetch_and_add(&ot_object_filter[slot], 1);
}

static __always_inline void record_allocation(bool direct, struct task_struct *task, __u64 address,
					      __u64 bytes, __u32 weight)
{
	struct actor actor = {};

	if (!address || !find_actor(direct, task, &actor))
		return;
	count_recorded();
	add_to_process(direct, &actor, bytes, weight);
	add_to_cgroup(&actor, bytes, weight);
	if (ot_config.frees)
		keep_object(&actor, address, bytes * weight);
}

static __always_inline void on_allocation(__u64 address, __u64 bytes, __u32 weight)
{
	if (!weight)
		return;
	if (has_current_btf)
		record_allocation(true, current_direct(), address, bytes, weight);
	else if (has_probe_read)
		record_allocation(false, (struct task_struct *)bpf_get_current_task(), address,
				  bytes, weight);
}

/* Raw where numbers are all there is: 5.10 and 6.1 let no tp_btf program read a `const void *`. */
SEC("?raw_tp/kmalloc")
int BPF_PROG(on_kmalloc, unsigned long site, __u64 address, __u64 asked, __u64 bytes)
{
	on_allocation(address, bytes, sample());
	return 0;
}

SEC("?raw_tp/kmalloc_node")
int BPF_PROG(on_kmalloc_node, unsigned long site, __u64 address, __u64 asked, __u64 bytes)
{
	on_allocation(address, bytes, sample());
	return 0;
}

/* Before 11e9734bcb6a (6.1) with sizes, since then with the cache. */
SEC("?raw_tp/kmem_cache_alloc")
int BPF_PROG(on_cache_alloc_sized, unsigned long site, __u64 address, __u64 asked, __u64 bytes)
{
	on_allocation(address, bytes, sample());
	return 0;
}

SEC("?raw_tp/kmem_cache_alloc_node")
int BPF_PROG(on_cache_alloc_node_sized, unsigned long site, __u64 address, __u64 asked,
	     __u64 bytes)
{
	on_allocation(address, bytes, sample());
	return 0;
}

SEC("?raw_tp/kmem_cache_alloc")
int BPF_PROG(on_cache_alloc, unsigned long site, __u64 address, void *cache)
{
	__u32 weight = sample(), bytes = 0;

	if (!weight)
		return 0;
	if (has_rdonly_cast)
		bytes = ((struct kmem_cache *)bpf_rdonly_cast(
				 cache, bpf_core_type_id_kernel(struct kmem_cache)))
				->size;
	else if (has_probe_read)
		bytes = READ(false, (struct kmem_cache *)cache, size);
	on_allocation(address, bytes, weight);
	return 0;
}

/* Where there is neither: the cache can be followed, but not the object from here to its free. */
SEC("?tp_btf/kmem_cache_alloc")
int BPF_PROG(on_cache_alloc_typed, unsigned long site, __u64 address, struct kmem_cache *cache)
{
	const __u64 some_address = 1;
	__u32 weight = sample();

	if (weight)
		on_allocation(some_address, cache->size, weight);
	return 0;
}

static __always_inline void on_free(__u64 address)
{
	struct ot_process_allocations *process;
	struct ot_cgroup_allocations *cgroup;
	__u32 slot = filter_slot(address);
	struct ot_object *found, object;

	if (!ot_object_filter[slot])
		return;
	found = bpf_map_lookup_elem(&ot_objects, &address);
	if (!found)
		return;
	object = *found;
	if (bpf_map_delete_elem(&ot_objects, &address))
		return;
	__sync_fetch_and_add(&ot_object_filter[slot], -1);
	process = bpf_map_lookup_elem(&ot_processes, &object.tgid);
	if (process)
		process->sums.freed_bytes += object.bytes;
	cgroup = bpf_map_lookup_elem(&ot_cgroups, &object.cgroup_id);
	if (cgroup)
		cgroup->sums.freed_bytes += object.bytes;
}

SEC("?raw_tp/kfree")
int BPF_PROG(on_kfree, unsigned long site, __u64 address)
{
	on_free(address);
	return 0;
}

SEC("?raw_tp/kmem_cache_free")
int BPF_PROG(on_cache_free, unsigned long site, __u64 address)
{
	on_free(address);
	return 0;
}

/* ---- user memory ---- */

static __always_inline void know(struct ot_resident *resident, __u32 kind, __u64 pages)
{
	resident->pages[kind] = pages;
	resident->known |= 1 << kind;
}

/* A process is only told by itself: `mm` may be a new child's, or one that is reclaimed. */
static __always_inline void record_resident(bool direct, struct task_struct *task,
					    struct mm_struct *mm, __u32 kind, __s64 pages)
{
	struct ot_resident *found, first = {};
	struct actor actor = {};

	if (!find_actor(direct, task, &actor) || READ(direct, task, mm) != mm)
		return;
	count_recorded();
	found = bpf_map_lookup_elem(&ot_resident, &actor.tgid);
	if (!found) {
		bpf_map_update_elem(&ot_resident, &actor.tgid, &first, BPF_NOEXIST);
		found = bpf_map_lookup_elem(&ot_resident, &actor.tgid);
		if (!found) {
			count_refused();
			return;
		}
	}
	found->last_ns = bpf_ktime_get_boot_ns();
	found->cgroup_id = actor.cgroup_id;
	fill_comm(direct, task, found->comm);
	if (rss_readable(true)) {
		know(found, OT_RESIDENT_FILE, RSS_PAGES(true, mm, RSS_FILE));
		know(found, OT_RESIDENT_ANON, RSS_PAGES(true, mm, RSS_ANON));
		know(found, OT_RESIDENT_SHMEM, RSS_PAGES(true, mm, RSS_SHMEM));
	}
	if (pages >= 0) {
		/* Of four kinds; the verifier only believes what it sees done to the register. */
		barrier_var(kind);
		know(found, kind & 3, pages);
	}
}

static __always_inline void on_resident(struct mm_struct *mm, __u32 kind, __s64 pages)
{
	if (has_current_btf)
		record_resident(true, current_direct(), mm, kind, pages);
	else if (has_probe_read)
		record_resident(false, (struct task_struct *)bpf_get_current_task(), mm, kind,
				pages);
}

/*
 * Before 6.2 with the count; since f1a7941243c1 without, and once a page. Before, a thread adds 64
 * pages at a time (TASK_RSS_EVENTS_THRESH), so that as many more of these are samples.
 */
#define PAGES_AN_EVENT_BEFORE_6_2 64

SEC("?tp_btf/rss_stat")
int BPF_PROG(on_rss_stat_counted, struct mm_struct *mm, int kind, long pages)
{
	if (sample_below((__u64)ot_config.threshold * PAGES_AN_EVENT_BEFORE_6_2))
		on_resident(mm, kind, pages);
	return 0;
}

SEC("?tp_btf/rss_stat")
int BPF_PROG(on_rss_stat, struct mm_struct *mm, int kind)
{
	if (sample())
		on_resident(mm, kind, -1);
	return 0;
}

/* ---- the end of a process: its cgroup keeps its sums ---- */

SEC("?tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *task)
{
	struct signal_struct *signal = task->signal;
	__u32 tgid = task->tgid;

	if (signal && signal->live.counter > 0)
		return 0;
	bpf_map_delete_elem(&ot_processes, &tgid);
	bpf_map_delete_elem(&ot_resident, &tgid);
	return 0;
}
