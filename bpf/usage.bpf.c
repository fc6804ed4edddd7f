/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The memory counters of every cgroup, in one pass (iter/cgroup, 6.1). An object of its own, so
 * that a kernel which refuses it costs the hooks nothing.
 *
 * The records go to a map, not to the iterator's own output: the kernel's cgroup iterator cannot go
 * on after a read (-EOPNOTSUPP), so that its 8 pages of output would bound the node's cgroups.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/kernel_flavors.bpf.h"
#include "bpf/usage.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct bpf_iter__cgroup {
	struct cgroup *cgroup;
} __attribute__((preserve_access_index));

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, OT_MAX_USAGES);
	__type(key, __u32);
	__type(value, struct ot_usage);
} ot_usages SEC(".maps");

/* Of this pass, those without room included. The agent sets it to 0 before it begins one. */
__u32 usages;

SEC("iter/cgroup")
int usage_iterator(struct bpf_iter__cgroup *ctx)
{
	const __u32 memory = bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id);
	struct cgroup *cgroup = ctx->cgroup;
	struct cgroup_subsys_state *css;
	struct mem_cgroup *memcg;
	struct ot_usage *usage;
	__u32 index;

	if (!cgroup) /* the end */
		return 0;
	css = cgroup->subsys[memory];
	if (!css) /* cgroup v2: not enabled here */
		return 0;
	index = usages++;
	usage = bpf_map_lookup_elem(&ot_usages, &index);
	if (!usage)
		return 0;
	usage->cgroup_id = cgroup->kn->id;
	switch (memcg_access(true)) {
	case MEMCG_BY_CAST:
		memcg = bpf_rdonly_cast(css, bpf_core_type_id_kernel(struct mem_cgroup));
		usage->usage_pages = memcg->memory.usage.counter;
		usage->limit_pages = memcg->memory.max;
		break;
	case MEMCG_BY_PROBE:
		memcg = (struct mem_cgroup *)css;
		usage->usage_pages = READ(false, memcg, memory.usage.counter);
		usage->limit_pages = READ(false, memcg, memory.max);
		break;
	case MEMCG_NONE: /* not loaded */
		break;
	}
	return 0;
}
