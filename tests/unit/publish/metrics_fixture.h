// A page of metrics that tests read line by line, and events to count. Not thread-safe.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/base/strings.h"
#include "agent/publish/metrics.h"
#include "tests/fakes/fake_clock.h"
#include "tests/unit/publish/sample_events.h"

namespace oomtrail::publish {

// Where a sample is absent.
inline constexpr std::string_view kAbsent = "absent";

inline std::string Kills(std::string_view ns, std::string_view pod, std::string_view container,
                         std::string_view scope) {
  return base::StrCat("oomtrail_oom_kills_total{namespace=\"", ns, "\",pod=\"", pod,
                      "\",container=\"", container, "\",scope=\"", scope, "\"}");
}
inline const std::string kCartKills = Kills("shop", "cart-7d9f", "api", "container");
inline const std::string kNamelessKills = Kills("", "", "", "container");

inline std::string Unnamed(std::string_view reason) {
  return base::StrCat("oomtrail_unattributed_kills_total{reason=\"", reason, "\"}");
}

// The same kind of kill, of another process in another OOM.
inline model::Event Numbered(model::Event event, int number) {
  event.id = base::StrCat("kill-", number);
  event.incident_id = base::StrCat("incident-", number);
  return event;
}

inline model::Event Of(model::Event event, std::string_view ns, std::string_view pod,
                       std::string_view container) {
  event.pod->ns = ns;
  event.pod->name = pod;
  event.container->name = container;
  return event;
}

class MetricsTest : public testing::Test {
 protected:
  static Metrics::Options WithSources() {
    return {.has_sources = true, .loss_stages = {"kill_ring_full"}};
  }

  // The value of each sample, by its name and labels; those of the process, which move, left out.
  static std::map<std::string, std::string, std::less<>> Samples(const Metrics& metrics) {
    std::map<std::string, std::string, std::less<>> samples;
    const std::string page = metrics.Render({});
    for (const std::string_view line : base::StrSplit(page, '\n')) {
      const size_t blank = line.rfind(' ');
      if (line.empty() || line.starts_with('#') || line.starts_with("process_")) continue;
      const auto [place, is_new] = samples.emplace(line.substr(0, blank), line.substr(blank + 1));
      EXPECT_TRUE(is_new) << "twice on one page: " << line;
    }
    return samples;
  }
  static std::string Value(const Metrics& metrics, std::string_view sample) {
    const auto samples = Samples(metrics);
    const auto found = samples.find(sample);
    return found == samples.end() ? std::string(kAbsent) : found->second;
  }
  std::string Value(std::string_view sample) const { return Value(metrics_, sample); }

  // All kills on the page, whatever they are counted under.
  static uint64_t AllKills(const Metrics& metrics) {
    uint64_t sum = 0;
    for (const auto& [sample, value] : Samples(metrics)) {
      uint64_t kills = 0;
      if (!sample.starts_with("oomtrail_oom_kills_total{")) continue;
      EXPECT_TRUE(base::SimpleAtoi(value, &kills)) << sample << ' ' << value;
      sum += kills;
    }
    return sum;
  }

  fakes::FakeClock clock_;
  Metrics metrics_{clock_, WithSources()};
};

}  // namespace oomtrail::publish
