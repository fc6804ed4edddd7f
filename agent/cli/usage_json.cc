#include <cmath>
#include <nlohmann/json.hpp>
#include <string>

#include "agent/base/printable.h"
#include "agent/base/time_format.h"
#include "agent/cli/tracking_json.h"
#include "agent/cli/usage_rates.h"
#include "agent/cli/usage_view.h"

namespace oomtrail::cli {
namespace {

using base::Printable;
using Json = nlohmann::ordered_json;

constexpr int64_t kNanosPerSecond = 1'000'000'000;
constexpr int64_t kMaxSeconds = INT64_MAX / kNanosPerSecond - 1;

void SetText(Json& out, const char* name, const std::string& value) {
  if (!value.empty()) out[name] = Printable(value);
}

// JSON has no word for what is no number.
void SetNumber(Json& out, const char* name, double value) {
  if (std::isfinite(value)) out[name] = value;
}

void SetTime(Json& out, const char* name, const google::protobuf::Timestamp& time) {
  if (time.seconds() <= 0 || time.seconds() > kMaxSeconds || time.nanos() < 0) return;
  out[name] = base::FormatUtc(time.seconds() * kNanosPerSecond + time.nanos() % kNanosPerSecond, 9);
}

void SetKernel(Json& out, const v1::KernelAllocations& kernel,
               const std::optional<KernelRate>& rate) {
  Json& inner = out["kernel"];
  SetNumber(inner, "allocated_bytes", kernel.allocated_bytes());
  if (kernel.has_freed_bytes()) SetNumber(inner, "freed_bytes", kernel.freed_bytes());
  SetNumber(inner, "allocations", kernel.allocations());
  inner["samples"] = kernel.samples();
  SetNumber(inner, "relative_error", kernel.relative_error());
  if (!rate) return;
  out["kernel_bytes_per_second"] = rate->bytes_per_second;
  out["kernel_bytes_per_second_error"] = rate->error;
}

Json UsageJson(const v1::Usage& usage, const std::optional<KernelRate>& rate) {
  Json out;
  if (usage.has_pod()) {
    SetText(out["pod"], "namespace", usage.pod().namespace_());
    SetText(out["pod"], "name", usage.pod().name());
    SetText(out["pod"], "uid", usage.pod().uid());
  }
  if (usage.has_container()) {
    SetText(out["container"], "name", usage.container().name());
    SetText(out["container"], "id", usage.container().id());
  }
  if (usage.cgroup().id() != 0) out["cgroup"]["id"] = usage.cgroup().id();
  SetText(out["cgroup"], "path", usage.cgroup().path());
  out["usage_bytes"] = usage.usage_bytes();
  out["working_set_bytes"] = usage.working_set_bytes();
  if (usage.has_limit()) {
    Json& limit = out["limit"];
    SetText(limit, "path", usage.limit().path());
    if (usage.limit().has_bytes()) limit["bytes"] = usage.limit().bytes();
    if (usage.limit().has_usage_bytes()) limit["usage_bytes"] = usage.limit().usage_bytes();
  }
  SetNumber(out, "growth_bytes_per_second", usage.growth_bytes_per_second());
  if (usage.has_seconds_to_limit()) SetNumber(out, "seconds_to_limit", usage.seconds_to_limit());
  SetNumber(out, "confidence", usage.confidence());
  out["warned"] = usage.warned();
  if (usage.has_kernel()) SetKernel(out, usage.kernel(), rate);
  return out;
}

Json ProcessJson(const v1::ProcessUsage& process, const std::optional<KernelRate>& rate) {
  Json out;
  out["pid"] = process.pid();
  SetText(out, "comm", process.comm());
  if (process.cgroup_id() != 0) out["cgroup_id"] = process.cgroup_id();
  if (process.has_anon_rss_bytes()) out["anon_rss_bytes"] = process.anon_rss_bytes();
  if (process.has_file_rss_bytes()) out["file_rss_bytes"] = process.file_rss_bytes();
  if (process.has_shmem_rss_bytes()) out["shmem_rss_bytes"] = process.shmem_rss_bytes();
  if (process.has_kernel()) SetKernel(out, process.kernel(), rate);
  return out;
}

}  // namespace

std::string UsageJson(const v1::ListUsageResponse& now,
                      const std::optional<v1::ListUsageResponse>& before) {
  const UsageRates rates(now, before);
  Json out;
  out["schema"] = "oomtrail.v1.usage";
  SetTime(out, "time", now.time());
  out["usages"] = Json::array();
  for (const v1::Usage& usage : now.usages()) {
    out["usages"].push_back(UsageJson(usage, rates.Of(usage)));
  }
  out["left_out"] = now.left_out();
  out["tracking"] = TrackingJson(now.tracking());
  out["processes"] = Json::array();
  for (const v1::ProcessUsage& process : now.processes()) {
    out["processes"].push_back(ProcessJson(process, rates.Of(process)));
  }
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace oomtrail::cli
