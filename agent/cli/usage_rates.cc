#include "agent/cli/usage_rates.h"

#include <cmath>

namespace oomtrail::cli {
namespace {

constexpr double kNanosPerSecond = 1e9;

double Seconds(const google::protobuf::Timestamp& time) {
  return static_cast<double>(time.seconds()) + time.nanos() / kNanosPerSecond;
}

double StandardError(const v1::KernelAllocations& kernel) {
  return kernel.relative_error() * kernel.allocated_bytes();
}

}  // namespace

std::optional<KernelRate> RateBetween(const v1::KernelAllocations& before,
                                      const v1::KernelAllocations& now, double seconds) {
  const double bytes = now.allocated_bytes() - before.allocated_bytes();
  if (!(seconds > 0) || !(bytes >= 0) || !std::isfinite(bytes)) return std::nullopt;
  // Samples of apart times know nothing of each other, so their variances add up.
  const double variance = std::pow(StandardError(now), 2) - std::pow(StandardError(before), 2);
  const double error = std::isfinite(variance) ? std::sqrt(std::fmax(variance, 0)) : 0;
  return KernelRate{.bytes_per_second = bytes / seconds, .error = error / seconds};
}

UsageRates::UsageRates(const v1::ListUsageResponse& now,
                       const std::optional<v1::ListUsageResponse>& before) {
  if (!before) return;
  seconds_ = Seconds(now.time()) - Seconds(before->time());
  for (const v1::Usage& usage : before->usages()) {
    if (usage.has_kernel()) cgroups_[usage.cgroup().id()] = &usage.kernel();
  }
  for (const v1::ProcessUsage& process : before->processes()) {
    if (process.has_kernel()) processes_[process.pid()] = &process;
  }
}

std::optional<KernelRate> UsageRates::Of(const v1::Usage& usage) const {
  const auto found = cgroups_.find(usage.cgroup().id());
  if (!usage.has_kernel() || found == cgroups_.end()) return std::nullopt;
  return RateBetween(*found->second, usage.kernel(), seconds_);
}

// The same pid under another name is another process, most likely.
std::optional<KernelRate> UsageRates::Of(const v1::ProcessUsage& process) const {
  const auto found = processes_.find(process.pid());
  if (!process.has_kernel() || found == processes_.end()) return std::nullopt;
  if (found->second->comm() != process.comm()) return std::nullopt;
  return RateBetween(found->second->kernel(), process.kernel(), seconds_);
}

}  // namespace oomtrail::cli
