/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Which memory cgroup a task belongs to, by the id of its directory.
 */
#ifndef OOMTRAIL_BPF_MEMORY_CGROUP_BPF_H
#define OOMTRAIL_BPF_MEMORY_CGROUP_BPF_H

#include "bpf/kernel_flavors.bpf.h"

/*
 * The css of a task's memory cgroup: right on cgroup v1 and v2. bpf_get_current_cgroup_id() and
 * css_set.dfl_cgrp name the v2 cgroup, which on a v1 or hybrid node is not the one that counts.
 */
static __always_inline struct cgroup_subsys_state *memory_css(bool direct, struct task_struct *task)
{
	const __u32 memory = bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id);
	struct css_set *set = READ(direct, task, cgroups);

	if (!set)
		return 0;
	return READ(direct, set, subsys[memory]);
}

static __always_inline __u64 cgroup_id(bool direct, struct cgroup *cgroup)
{
	struct kernfs_node *node;

	if (!cgroup)
		return 0;
	node = READ(direct, cgroup, kn);
	return node ? READ(direct, node, id) : 0;
}

static __always_inline __u64 css_cgroup_id(bool direct, struct cgroup_subsys_state *css)
{
	return css ? cgroup_id(direct, READ(direct, css, cgroup)) : 0;
}

#endif /* OOMTRAIL_BPF_MEMORY_CGROUP_BPF_H */
