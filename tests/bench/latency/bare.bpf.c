/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The least that a libbpf program can do about a kill: a time and a pid into a ring. What the
 * agent's latency is measured against.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "tests/bench/latency/bare.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} kills SEC(".maps");

SEC("tp_btf/mark_victim")
int bare_mark_victim(void *ctx)
{
	struct bare_kill *kill = bpf_ringbuf_reserve(&kills, sizeof(*kill), 0);

	if (!kill)
		return 0;
	kill->boot_ns = bpf_ktime_get_boot_ns();
	/* The trigger's: a victim that outgrows its own limit, alone in it, is its own trigger. */
	kill->pid = bpf_get_current_pid_tgid() >> 32;
	kill->pad = 0;
	bpf_ringbuf_submit(kill, 0);
	return 0;
}
