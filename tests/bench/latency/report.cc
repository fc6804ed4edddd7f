#include "tests/bench/latency/report.h"

#include <algorithm>
#include <cstdio>

#include "absl/strings/str_format.h"

namespace oomtrail::bench {

void Print(const Row& row) {
  std::printf("%s\t%s\t%s\t%s\t%s\n", row.what.c_str(), row.figure.c_str(), row.budget.c_str(),
              row.peer.c_str(), row.verdict.c_str());
  std::fflush(stdout);
}

uint64_t Quantile(std::vector<uint64_t> values, double share) {
  if (values.empty()) return 0;
  const auto rank = static_cast<size_t>(share * static_cast<double>(values.size()));
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(std::min(rank, values.size() - 1));
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

std::string Micros(uint64_t nanos) { return absl::StrFormat("%d µs", (nanos + 500) / 1000); }

std::string Millis(uint64_t nanos) {
  return absl::StrFormat("%.1f ms", static_cast<double>(nanos) / 1e6);
}

std::string Mebibytes(uint64_t bytes) {
  return absl::StrFormat("%.1f MiB", static_cast<double>(bytes) / (1 << 20));
}

std::string Verdict(bool within) { return within ? "ok" : "OVER"; }

}  // namespace oomtrail::bench
