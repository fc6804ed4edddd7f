#include "agent/attribute/refresh_schedule.h"

#include <algorithm>

namespace oomtrail::attribute {
namespace {

// Of a period; enough to keep the agents of many nodes from falling into step.
constexpr double kPeriodJitter = 0.1;
constexpr double kBackoffJitter = 0.25;
// 0.5 s doubled this often is past any sensible maximum.
constexpr uint32_t kMaxDoublings = 20;

}  // namespace

RefreshSchedule::RefreshSchedule(RefreshPacing pacing, uint32_t seed)
    : pacing_(pacing), random_(seed) {}

uint64_t RefreshSchedule::Jitter(std::chrono::nanoseconds span, double part) {
  std::uniform_real_distribution<double> factor(1 - part, 1 + part);
  return static_cast<uint64_t>(static_cast<double>(span.count()) * factor(random_));
}

uint64_t RefreshSchedule::DueNanos() const {
  return wanted_ ? std::min(due_ns_, wanted_ns_) : due_ns_;
}

void RefreshSchedule::Succeeded(uint64_t now_ns) {
  failures_ = 0;
  due_ns_ = now_ns + Jitter(pacing_.period, kPeriodJitter);
  wanted_ns_ = now_ns + static_cast<uint64_t>(pacing_.min_spacing.count());
}

void RefreshSchedule::Failed(uint64_t now_ns) {
  auto backoff = pacing_.first_backoff;
  for (uint32_t i = 0; i < std::min(failures_, kMaxDoublings) && backoff < pacing_.max_backoff;
       ++i) {
    backoff *= 2;
  }
  ++failures_;
  backoff = std::min(backoff, pacing_.max_backoff);
  const uint64_t wait = Jitter(backoff, kBackoffJitter);
  due_ns_ = now_ns + wait;
  wanted_ns_ = now_ns + std::min(wait, static_cast<uint64_t>(pacing_.wanted_backoff.count()));
}

}  // namespace oomtrail::attribute
