// What allocation tracking costs the work it looks at: the CPU time that one unit of a load takes
// with each mode, over what it takes with tracking off right before and after, in one interleaved
// run; the median of the rounds. The tracker's own thread is in this process, so its CPU time is in
// the figure. "off again" is what the machine's own noise makes of no difference at all.
//
//   tracking_overhead [ROUNDS]
//
// Prints rows of the bench's table: WHAT, FIGURE, BUDGET, PEER, VERDICT.
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/base/strings.h"
#include "agent/kernel/allocation_tracker.h"
#include "agent/kernel/kernel_features.h"

namespace {

using oomtrail::kernel::AllocationTracker;
using oomtrail::kernel::TrackingMode;
using oomtrail::kernel::TrackingOptions;

constexpr double kWarmUpSeconds = 1.1;  // the adaptive mode finds its rate
constexpr double kMeasureSeconds = 1;
constexpr double kBudgetPercent = 1;

double Now(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

// Page faults: an event each.
void FaultPages() {
  constexpr size_t kBytes = 4UL << 20;
  void* memory =
      ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) std::abort();
  ::madvise(memory, kBytes, MADV_NOHUGEPAGE);
  for (size_t at = 0; at < kBytes; at += 4096) static_cast<volatile char*>(memory)[at] = 1;
  ::munmap(memory, kBytes);
}

// Nothing but small kernel objects made and freed.
void OpenAndClose() {
  for (int i = 0; i < 1000; ++i) ::close(::eventfd(0, EFD_CLOEXEC));
}

// CPU seconds a unit.
double Measure(void (*load)(), double seconds) {
  const double cpu = Now(CLOCK_PROCESS_CPUTIME_ID);
  const double end = Now(CLOCK_MONOTONIC) + seconds;
  int units = 0;
  for (; Now(CLOCK_MONOTONIC) < end; ++units) load();
  return (Now(CLOCK_PROCESS_CPUTIME_ID) - cpu) / std::max(units, 1);
}

// The middle of the ratios, in percent above 1, and its standard error: from the quartiles, for a
// round may be spoilt by whatever else the machine does.
struct Overhead {
  double percent;
  double error;
};

Overhead Summarize(std::vector<double> ratios) {
  std::sort(ratios.begin(), ratios.end());
  const size_t count = ratios.size();
  const double spread = (ratios[count * 3 / 4] - ratios[count / 4]) / 1.35;
  return {.percent = (ratios[count / 2] - 1) * 100,
          .error = 1.25 * spread / std::sqrt(static_cast<double>(count)) * 100};
}

struct Column {
  std::string name;
  TrackingOptions options;
  bool is_default = false;
  std::vector<double> ratios;
};

std::vector<Column> Columns() {
  TrackingOptions adaptive;
  adaptive.mode = TrackingMode::kAdaptive;
  TrackingOptions proportional = adaptive;
  proportional.mode = TrackingMode::kProportional;
  proportional.one_in = 100;
  TrackingOptions keyed = proportional;
  keyed.mode = TrackingMode::kKeyed;
  keyed.pids = {1};  // not us: what is not chosen pays too
  return {{"off again", {}, false, {}},
          {"adaptive (default)", adaptive, true, {}},
          {"1:100", proportional, false, {}},
          {"keyed 1:100, others' work", keyed, false, {}}};
}

bool Configure(AllocationTracker& tracker, const TrackingOptions& options) {
  const auto status = tracker.Configure(options);
  if (!status.ok()) std::fprintf(stderr, "tracking_overhead: %s\n", status.ToString().c_str());
  return status.ok();
}

bool Compare(AllocationTracker& tracker, const char* what, void (*load)(), int rounds) {
  std::vector<Column> columns = Columns();
  double before = Measure(load, kMeasureSeconds);
  for (int round = 0; round < rounds; ++round) {
    for (Column& column : columns) {
      if (!Configure(tracker, column.options)) return false;
      Measure(load, kWarmUpSeconds);
      const double with = Measure(load, kMeasureSeconds);
      if (!Configure(tracker, TrackingOptions())) return false;
      const double after = Measure(load, kMeasureSeconds);
      column.ratios.push_back(with / ((before + after) / 2));
      before = after;
    }
  }
  for (const Column& column : columns) {
    const auto [percent, error] = Summarize(column.ratios);
    const char* verdict = percent <= kBudgetPercent           ? "ok"
                          : percent - error <= kBudgetPercent ? "noise"
                                                              : "OVER";
    std::printf("tracking %s, %s\t%+.1f ± %.1f %%\t%s\t\t%s\n", column.name.c_str(), what, percent,
                error, column.is_default ? "≤ 1 %" : "", column.is_default ? verdict : "");
  }
  std::fflush(stdout);
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  int rounds = 7;
  if (argc > 2 || (argc == 2 && !oomtrail::base::SimpleAtoi(std::string_view(argv[1]), &rounds)) ||
      rounds < 1) {
    std::fprintf(stderr, "usage: tracking_overhead [ROUNDS]\n");
    return 2;
  }
  const auto tracker =
      AllocationTracker::Start(oomtrail::kernel::ProbeKernelFeatures(), TrackingOptions());
  if (!tracker.ok()) return 1;
  const bool done = Compare(**tracker, "page faults", FaultPages, rounds) &&
                    Compare(**tracker, "kernel objects", OpenAndClose, rounds);
  return done ? 0 : 1;
}
