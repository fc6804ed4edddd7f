#include "tests/scenarios/report.h"

#include <cerrno>
#include <cstdio>
#include <fstream>

#include "agent/base/status.h"
#include "agent/base/strings.h"

namespace oomtrail::scenarios {
namespace {

// A storm that went wrong says enough with its first few.
constexpr size_t kMaxFailuresShown = 12;

std::string Seconds(double seconds) {
  char text[32];
  std::snprintf(text, sizeof text, "%6.2fs", seconds);
  return text;
}

}  // namespace

Report::Report(const Features& features) {
  results_["kernel"] = features.release;
  results_["cgroup"] = features.cgroup_version;
  results_["lockdown"] = features.lockdown;
  results_["features"] = {{"mark_victim_task", features.mark_victim_task},
                          {"snprintf", features.snprintf},
                          {"current_btf", features.current_btf},
                          {"rdonly_cast", features.rdonly_cast},
                          {"rss_direct", features.rss_direct},
                          {"perf_link", features.perf_link}};
  for (const FactRow& row : Facts()) {
    auto& known = results_["facts"][std::string(row.label)];
    for (size_t i = 0; i < kShapeCount; ++i) {
      const auto shape = static_cast<Shape>(i);
      known[std::string(Name(shape))] = Name(Knows(row.fact, shape, features));
    }
  }
  for (const Method method : kMethods) {
    auto& entry = results_["methods"][std::string(Name(method))];
    for (const auto& [when, shape] : ShapesOf(method, features)) {
      entry["records"][std::string(when)] = Name(shape);
    }
    entry["pins"] = CanPin(method, features);
  }
  std::printf("kernel %s, cgroup v%d, lockdown %s\n", features.release.c_str(),
              features.cgroup_version, features.lockdown.c_str());
}

void Report::Line(const char* verdict, std::string_view method, std::string_view scenario,
                  const std::string& rest) const {
  std::printf("%-4s  %-10s  %-24s %s\n", verdict, std::string(method).c_str(),
              std::string(scenario).c_str(), rest.c_str());
  std::fflush(stdout);
}

void Report::Available(Method method, long armed_ms) {
  results_["methods"][std::string(Name(method))]["available"] = true;
  results_["methods"][std::string(Name(method))]["armed_ms"] = armed_ms;
  Line("--", Name(method), "armed", base::StrCat(armed_ms, " ms"));
}

void Report::Refused(Method method, const std::string& reason, bool expected) {
  auto& entry = results_["methods"][std::string(Name(method))];
  entry["available"] = false;
  entry["reason"] = reason;
  if (!expected) ++failed_;
  Line(expected ? "--" : "FAIL", Name(method), "not available", reason);
}

void Report::Passed(Method method, std::string_view scenario, double seconds,
                    const Learnt& learnt) {
  auto& entry = results_["methods"][std::string(Name(method))]["scenarios"][std::string(scenario)];
  entry["result"] = "pass";
  for (const auto& [fact, known] : learnt) {
    entry["knew"][std::string(RowOf(fact).label)] = std::string(Name(known));
  }
  ++passed_;
  Line("PASS", Name(method), scenario, Seconds(seconds));
}

void Report::Failed(Method method, std::string_view scenario, double seconds,
                    const std::vector<std::string>& failures) {
  auto& entry = results_["methods"][std::string(Name(method))]["scenarios"][std::string(scenario)];
  entry["result"] = "fail";
  entry["failures"] = failures;
  ++failed_;
  Line("FAIL", Name(method), scenario, Seconds(seconds));
  for (size_t i = 0; i < failures.size() && i < kMaxFailuresShown; ++i) {
    std::printf("        %s\n", failures[i].c_str());
  }
  if (failures.size() > kMaxFailuresShown) {
    std::printf("        and %zu more\n", failures.size() - kMaxFailuresShown);
  }
  std::fflush(stdout);
}

void Report::NotPossible(std::string_view scenario, const std::string& reason) {
  results_["not_possible"][std::string(scenario)] = reason;
  Line("--", "", scenario, reason);
}

void Report::PrintTotal() const { std::printf("%d passed, %d failed\n", passed_, failed_); }

absl::Status Report::Write(const std::string& file) const {
  std::ofstream out(file);
  // A comm in a failure's text is as hostile here as in an event.
  out << results_.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
  out.close();
  return out ? absl::OkStatus() : base::ErrnoStatus(errno, "write " + file);
}

}  // namespace oomtrail::scenarios
