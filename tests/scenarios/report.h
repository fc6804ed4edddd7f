// What was found: a line a scenario and method on stdout as it comes, and all of it as JSON.
//
// Owned and called by the runner's one thread.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "tests/scenarios/check.h"
#include "tests/scenarios/features.h"
#include "tests/scenarios/knowledge.h"

namespace oomtrail::scenarios {

class Report {
 public:
  explicit Report(const Features& features);

  void Available(Method method, long armed_ms);
  // `expected`: the machine was allowed to refuse it.
  void Refused(Method method, const std::string& reason, bool expected);

  void Passed(Method method, std::string_view scenario, double seconds, const Learnt& learnt);
  void Failed(Method method, std::string_view scenario, double seconds,
              const std::vector<std::string>& failures);
  void NotPossible(std::string_view scenario, const std::string& reason);

  int failed() const { return failed_; }
  void PrintTotal() const;
  absl::Status Write(const std::string& file) const;

 private:
  void Line(const char* verdict, std::string_view method, std::string_view scenario,
            const std::string& rest) const;

  nlohmann::ordered_json results_;
  int passed_ = 0;
  int failed_ = 0;
};

}  // namespace oomtrail::scenarios
