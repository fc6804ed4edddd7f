/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* The one record of the bare consumer, shared by both sides. */
#ifndef OOMTRAIL_TESTS_BENCH_BARE_H
#define OOMTRAIL_TESTS_BENCH_BARE_H

#include <linux/types.h>

struct bare_kill {
  __u64 boot_ns;
  __u32 pid;
  __u32 pad;
};

#endif /* OOMTRAIL_TESTS_BENCH_BARE_H */
