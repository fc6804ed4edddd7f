/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The maps of allocation tracking, all preallocated: the programs run inside the allocator. What
 * finds no room is counted, and user space makes room.
 */
#ifndef OOMTRAIL_BPF_TRACKING_MAPS_BPF_H
#define OOMTRAIL_BPF_TRACKING_MAPS_BPF_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/tracking.h"

volatile struct ot_tracking_config ot_config = {};
__u32 ot_object_filter[1 << OT_OBJECT_FILTER_BITS] = {};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, OT_TRACKING_KEYS);
	__type(key, struct ot_tracking_key);
	__type(value, __u8);
} ot_keys SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, OT_TRACKED_PROCESSES);
	__type(key, __u32); /* tgid */
	__type(value, struct ot_process_allocations);
} ot_processes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, OT_TRACKED_CGROUPS);
	__type(key, __u64); /* cgroup id */
	__type(value, struct ot_cgroup_allocations);
} ot_cgroups SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, OT_TRACKED_PROCESSES);
	__type(key, __u32); /* tgid */
	__type(value, struct ot_resident);
} ot_resident SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, OT_TRACKED_OBJECTS);
	__type(key, __u64); /* address */
	__type(value, struct ot_object);
} ot_objects SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ot_tracking_tally);
} ot_tally SEC(".maps");

static __always_inline struct ot_tracking_tally *tally(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&ot_tally, &zero);
}

static __always_inline void count_drawn(void)
{
	struct ot_tracking_tally *counts = tally();

	if (counts)
		counts->drawn++;
}

static __always_inline void count_recorded(void)
{
	struct ot_tracking_tally *counts = tally();

	if (counts)
		counts->recorded++;
}

static __always_inline void count_refused(void)
{
	struct ot_tracking_tally *counts = tally();

	if (counts)
		counts->refused++;
}

#endif /* OOMTRAIL_BPF_TRACKING_MAPS_BPF_H */
