/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * What usage.bpf.c writes for each memory cgroup and agent/kernel/usage_iterator reads. Nothing of
 * it is pinned: both sides are of one build.
 */
#ifndef OOMTRAIL_BPF_USAGE_H
#define OOMTRAIL_BPF_USAGE_H

#include <linux/types.h>

/* A node with more has its usage read from files. 192 KiB, of which a reader maps what it uses. */
#define OT_MAX_USAGES 8192

struct ot_usage {
	__u64 cgroup_id;
	__u64 usage_pages;
	__u64 limit_pages; /* about LONG_MAX / page size: none */
};

#ifdef __cplusplus
static_assert(sizeof(ot_usage) == 24);
#else
_Static_assert(sizeof(struct ot_usage) == 24, "the agent reads an array of these");
#endif

#endif /* OOMTRAIL_BPF_USAGE_H */
