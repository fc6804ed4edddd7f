// What the harness prints: one tab-separated row a figure, for bench.sh to align. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace oomtrail::bench {

struct Row {
  std::string what;
  std::string figure;
  std::string budget;
  std::string peer;     // measured in the same run; empty where there is none
  std::string verdict;  // "ok" or "OVER", empty where there is no budget: for people, not for CI
};

void Print(const Row& row);

// The value below which `share` of them lie; 0 where there is none.
uint64_t Quantile(std::vector<uint64_t> values, double share);

std::string Micros(uint64_t nanos);     // "231 µs"
std::string Millis(uint64_t nanos);     // "84.1 ms"
std::string Mebibytes(uint64_t bytes);  // "21.4 MiB"
std::string Verdict(bool within);

}  // namespace oomtrail::bench
