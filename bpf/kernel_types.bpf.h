/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The kernel types we read, cut down to the members we read. CO-RE finds the members at load in the
 * running kernel's own BTF, so order and padding here mean nothing, and no vmlinux.h is needed.
 *
 * What differs between kernels is not here but in kernel_flavors.bpf.h.
 */
#ifndef OOMTRAIL_BPF_KERNEL_TYPES_BPF_H
#define OOMTRAIL_BPF_KERNEL_TYPES_BPF_H

#include <linux/types.h>
#include <stdbool.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct cgroup;

typedef struct {
	int counter;
} atomic_t;

typedef struct {
	long counter;
} atomic_long_t;

typedef struct {
	unsigned int val;
} kuid_t;

/* Only named: the values come from the running kernel (bpf_core_enum_value). */
enum cgroup_subsys_id { memory_cgrp_id = 4 };
enum memcg_memory_event { MEMCG_OOM = 3, MEMCG_OOM_KILL = 4 };
enum oom_constraint { CONSTRAINT_NONE };

struct kernfs_node {
	const char *name;
	__u64 id;
};

struct cgroup_subsys_state {
	struct cgroup *cgroup;
	struct cgroup_subsys_state *parent;
};

struct cgroup_root {
	int hierarchy_id;
};

struct cgroup {
	struct cgroup_subsys_state self;
	struct kernfs_node *kn;
	struct cgroup_subsys_state *subsys[16];
	struct cgroup_root *root;
};

struct css_set {
	struct cgroup_subsys_state *subsys[16];
};

struct page_counter {
	atomic_long_t usage;
	unsigned long max;
};

struct mem_cgroup {
	struct cgroup_subsys_state css;
	struct page_counter memory;
	struct page_counter swap; /* a union with memsw: memory+swap on cgroup v1 */
	bool oom_group;
	atomic_long_t memory_events_local[16];
};

struct mm_struct {
	atomic_long_t pgtables_bytes;
	unsigned long total_vm;
};

struct signal_struct {
	atomic_t live;
	short oom_score_adj;
};

struct cred {
	kuid_t uid;
};

struct task_struct {
	int pid;
	int tgid;
	struct task_struct *group_leader;
	__u64 start_boottime;
	char comm[16];
	struct mm_struct *mm;
	struct signal_struct *signal;
	struct cred *cred;
	struct css_set *cgroups;
};

struct oom_control {
	struct mem_cgroup *memcg;
	unsigned int gfp_mask;
	int order;
	unsigned long totalpages;
	enum oom_constraint constraint;
};

#pragma clang attribute pop

#endif /* OOMTRAIL_BPF_KERNEL_TYPES_BPF_H */
