// What is taken from libbpf's lines: the program they are about, and why the verifier refused it.
#include "agent/kernel/libbpf_log.h"

#include <gtest/gtest.h>

#include <string>

namespace oomtrail::kernel {
namespace {

constexpr char kRefused[] =
    "libbpf: prog 'victim_kprobe': BPF program load failed: Invalid argument\n"
    "libbpf: prog 'victim_kprobe': -- BEGIN PROG LOAD LOG --\n"
    "reg type unsupported for arg#0 function victim_kprobe#13\n"
    "0: R1=ctx(off=0,imm=0) R10=fp0\n"
    "; task = (struct task_struct *)bpf_get_current_task();\n"
    "0: (85) call bpf_probe_read_kernel#113\n"
    "unknown func bpf_probe_read_kernel#113\n"
    "verification time 42 usec\n"
    "stack depth 0\n"
    "processed 1 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 "
    "mark_read 0\n"
    "-- END PROG LOAD LOG --\n"
    "libbpf: prog 'victim_kprobe': failed to load: -22\n"
    "libbpf: failed to load object 'oomtrail_bpf'\n";

TEST(LibbpfLogTest, NothingSaidIsNothing) {
  const LibbpfLog log;
  EXPECT_EQ(log.LastProgram(), "");
  EXPECT_EQ(log.VerifierReason(), "");
}

TEST(LibbpfLogTest, TheReasonIsTheLastLineThatIsNoStatistics) {
  LibbpfLog log;
  log.Append(kRefused);
  EXPECT_EQ(log.VerifierReason(), "unknown func bpf_probe_read_kernel#113");
  EXPECT_EQ(log.LastProgram(), "victim_kprobe");
}

TEST(LibbpfLogTest, ALineMayComeInPieces) {
  LibbpfLog log;
  for (const char c : std::string(kRefused)) log.Append({&c, 1});
  EXPECT_EQ(log.VerifierReason(), "unknown func bpf_probe_read_kernel#113");
}

TEST(LibbpfLogTest, TheLastLogCounts) {
  LibbpfLog log;
  log.Append(kRefused);
  log.Append(
      "libbpf: prog 'context_kprobe': -- BEGIN PROG LOAD LOG --\n"
      "R1 invalid mem access 'scalar'\n"
      "-- END PROG LOAD LOG --\n");
  EXPECT_EQ(log.VerifierReason(), "R1 invalid mem access 'scalar'");
  EXPECT_EQ(log.LastProgram(), "context_kprobe");
}

// A container without CAP_SYS_ADMIN, on a kernel before 6.2, with a libbpf before 1.3.
TEST(LibbpfLogTest, TheObjectsReasonIsWhatCameBeforeItWasGivenUp) {
  LibbpfLog log;
  EXPECT_EQ(log.ObjectReason(), "");
  log.Append(
      "libbpf: failed to iterate BTF objects: -1\n"
      "libbpf: extern (func ksym) 'bpf_rdonly_cast': not found in kernel or module BTFs\n"
      "libbpf: failed to load object 'oomtrail_bpf'\n"
      "libbpf: failed to load BPF skeleton 'oomtrail_bpf': -22\n");
  EXPECT_EQ(log.ObjectReason(),
            "failed to iterate BTF objects: -1; extern (func ksym) 'bpf_rdonly_cast': not found in "
            "kernel or module BTFs");
}

TEST(LibbpfLogTest, ClearForgets) {
  LibbpfLog log;
  log.Append(kRefused);
  log.Clear();
  EXPECT_EQ(log.VerifierReason(), "");
  EXPECT_EQ(log.LastProgram(), "");
}

// The log of a large program outgrows what is kept: its end, with the reason, is what is kept.
TEST(LibbpfLogTest, ALogLongerThanIsKeptStillHasItsReason) {
  LibbpfLog log;
  log.Append("libbpf: prog 'victim_fentry': -- BEGIN PROG LOAD LOG --\n");
  for (int line = 0; line < 5000; ++line) log.Append("12: (61) r2 = *(u32 *)(r1 +0) ; R2_w=0\n");
  log.Append("BPF program is too large. Processed 1000001 insn\n-- END PROG LOAD LOG --\n");
  EXPECT_EQ(log.VerifierReason(), "BPF program is too large. Processed 1000001 insn");
}

TEST(LibbpfLogTest, ALoadWithoutVerifierLogHasNoReason) {
  LibbpfLog log;
  log.Append(
      "libbpf: prog 'victim_fentry': BPF program load failed: Operation not permitted\n"
      "libbpf: prog 'victim_fentry': failed to load: -1\n");
  EXPECT_EQ(log.VerifierReason(), "");
  EXPECT_EQ(log.LastProgram(), "victim_fentry");
}

TEST(LibbpfLogTest, ALogOfStatisticsOnlyHasNoReason) {
  LibbpfLog log;
  log.Append(
      "libbpf: prog 'x': -- BEGIN PROG LOAD LOG --\nprocessed 9 insns\n-- END PROG LOAD LOG --\n");
  EXPECT_EQ(log.VerifierReason(), "");
}

TEST(LibbpfLogTest, AnUnclosedNameIsNone) {
  LibbpfLog log;
  log.Append("libbpf: prog 'victim_fen");
  EXPECT_EQ(log.LastProgram(), "");
}

}  // namespace
}  // namespace oomtrail::kernel
