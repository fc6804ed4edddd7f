// A node whose memory moves as a test says, second by second, watched by a Watchkeeper.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "agent/forecast/watchkeeper.h"

namespace oomtrail::forecast {

inline constexpr uint64_t kSecond = 1'000'000'000;
inline constexpr uint64_t kMib = 1024 * 1024;

struct Cgroup {
  WatchedCgroup watched;
  Usage usage;
  std::optional<uint64_t> inactive_file_bytes = 0;
  uint64_t limit_hits = 0;
  std::optional<double> stalled_share;
  bool gone = false;
  int usage_reads = 0;
  int working_set_reads = 0;
};

inline std::string HexId(char digit) { return std::string(64, digit); }

class WatchkeeperTest : public ::testing::Test {
 protected:
  Cgroup& Add(uint64_t id, const std::string& path, std::optional<uint64_t> limit,
              char container = 0) {
    Cgroup& cgroup = node_[id];
    cgroup.watched = {.id = {id}, .path = path, .identity = {}};
    cgroup.usage.limit_bytes = limit;
    if (container != 0) {
      cgroup.watched.identity.level = model::Level::kContainer;
      cgroup.watched.identity.container_id = model::ContainerId::Parse(HexId(container));
    }
    return cgroup;
  }
  void SetCgroups() {
    std::vector<WatchedCgroup> cgroups;
    for (const auto& [id, cgroup] : node_) cgroups.push_back(cgroup.watched);
    keeper_.SetCgroups(now_, std::move(cgroups));
  }

  // `each` moves the memory before each second's pass.
  void Run(
      int seconds, const std::function<void()>& each = [] {}) {
    for (int second = 0; second < seconds; ++second) {
      now_ += kSecond;
      each();
      Pass();
    }
  }
  void Pass() {
    for (const KillSeen& kill : ledger_.TakeKills()) keeper_.OnKill(kill);
    std::vector<UsageQuestion> due;
    keeper_.Due(now_, due);
    std::vector<std::optional<Usage>> usages;
    for (const UsageQuestion& question : due) {
      Cgroup& cgroup = node_.at(question.id.value);
      ++cgroup.usage_reads;
      usages.push_back(cgroup.gone ? std::nullopt : std::optional(cgroup.usage));
    }
    std::vector<NearQuestion> near;
    keeper_.Near(now_, usages, near);
    std::vector<NearReading> readings;
    near_ = 0;
    for (const NearQuestion& question : near) {
      Cgroup& cgroup = node_.at(question.id.value);
      NearReading& reading = readings.emplace_back();
      if (question.near) {
        ++near_;
        reading.limit_hits = cgroup.limit_hits;
        reading.stalled_share = cgroup.stalled_share;
      }
      if (!question.working_set) continue;
      ++cgroup.working_set_reads;
      reading.inactive_file_bytes = cgroup.inactive_file_bytes;
    }
    most_working_sets_ =
        std::max(most_working_sets_,
                 static_cast<size_t>(std::ranges::count_if(near, &NearQuestion::working_set)));
    keeper_.Judge(now_, readings, machine_);
    ledger_.Settle(now_);
    for (Notice& notice : ledger_.TakeNotices()) notices_.push_back(std::move(notice));
  }
  model::Warned Kill(const Cgroup& victim, std::optional<model::CgroupId> owner) {
    return ledger_.OnKill({.victim = victim.watched.id,
                           .victim_path = victim.watched.path,
                           .limit_owner = owner,
                           .boot_ns = now_,
                           .ended = {}});
  }
  CgroupTrend TrendOf(uint64_t id) const {
    for (CgroupTrend& trend : keeper_.Trends()) {
      if (trend.cgroup.id.value == id) return trend;
    }
    ADD_FAILURE() << "no trend of " << id;
    return {};
  }

  static constexpr size_t kMaxNear = 8;

  std::map<uint64_t, Cgroup> node_;
  NodeReading machine_;
  uint64_t now_ = 1000 * kSecond;
  WarningLedger ledger_;
  Watchkeeper keeper_{{}, ledger_, kMaxNear};
  std::vector<Notice> notices_;
  size_t near_ = 0;
  size_t most_working_sets_ = 0;
};

}  // namespace oomtrail::forecast
