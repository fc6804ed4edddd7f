#include "agent/api/usage_wire.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "agent/base/printable.h"
#include "agent/base/strings.h"
#include "agent/publish/event_proto.h"

namespace oomtrail::api {
namespace {

using base::Printable;
using forecast::CgroupTrend;
using kernel::TrackingMode;
using kernel::TrackingOptions;

static_assert(v1::TRACKING_MODE_OFF == static_cast<int>(TrackingMode::kOff) + 1);
static_assert(v1::TRACKING_MODE_KEYED == static_cast<int>(TrackingMode::kKeyed) + 1);

constexpr double kNanosPerSecond = 1e9;

// A time that nobody could tell is none.
std::optional<double> Finite(const std::optional<double>& value) {
  return value && std::isfinite(*value) ? value : std::nullopt;
}

bool IsNearer(const CgroupTrend& a, const CgroupTrend& b) {
  constexpr double kNever = std::numeric_limits<double>::infinity();
  const double a_seconds = Finite(a.trend.seconds_to_limit).value_or(kNever);
  const double b_seconds = Finite(b.trend.seconds_to_limit).value_or(kNever);
  if (a_seconds != b_seconds) return a_seconds < b_seconds;
  return a.trend.growth_bytes_per_second > b.trend.growth_bytes_per_second;
}

void AddKernel(const kernel::KernelAllocations& kernel, v1::KernelAllocations* out) {
  out->set_allocated_bytes(kernel.allocated_bytes);
  if (kernel.freed_bytes) out->set_freed_bytes(*kernel.freed_bytes);
  out->set_allocations(kernel.allocations);
  out->set_samples(kernel.samples);
  out->set_relative_error(kernel.relative_error);
}

// With its names, as an event of it would have them.
model::Event Named(const CgroupTrend& trend, const attribute::PodDirectory& directory) {
  model::Event event;
  event.cgroup_id = trend.cgroup.id;
  event.cgroup_path = trend.cgroup.path;
  event.identity = trend.cgroup.identity;
  event.limit = trend.limit;
  if (event.identity.container_id) {
    if (auto found = directory.Find(*event.identity.container_id)) {
      event.pod = std::move(found->pod);
      if (!found->sandbox) event.container = std::move(found->facts);
    }
  }
  if (!event.pod && event.identity.pod_uid) {
    if (auto found = directory.FindPod(*event.identity.pod_uid))
      event.pod = std::move(found->facts);
  }
  return event;
}

void AddUsage(const model::Event& named, const CgroupTrend& trend, v1::Usage* out) {
  v1::Event message;
  publish::ToProto(named, &message);
  if (message.has_pod()) out->mutable_pod()->Swap(message.mutable_pod());
  if (message.has_container()) out->mutable_container()->Swap(message.mutable_container());
  if (message.has_cgroup()) out->mutable_cgroup()->Swap(message.mutable_cgroup());
  if (message.has_limit()) out->mutable_limit()->Swap(message.mutable_limit());
  out->set_usage_bytes(trend.usage_bytes);
  out->set_working_set_bytes(trend.working_set_bytes);
  if (std::isfinite(trend.trend.growth_bytes_per_second)) {
    out->set_growth_bytes_per_second(trend.trend.growth_bytes_per_second);
  }
  if (const auto seconds = Finite(trend.trend.seconds_to_limit))
    out->set_seconds_to_limit(*seconds);
  out->set_confidence(trend.trend.confidence);
  out->set_warned(trend.warned);
}

void AddProcess(const kernel::TrackedProcess& process, v1::ProcessUsage* out) {
  out->set_pid(process.tgid);
  out->set_comm(Printable(process.comm));
  out->set_cgroup_id(process.cgroup_id);
  if (process.kernel) AddKernel(*process.kernel, out->mutable_kernel());
  if (!process.resident) return;
  const kernel::ResidentMemory& resident = *process.resident;
  if (resident.anon_bytes) out->set_anon_rss_bytes(*resident.anon_bytes);
  if (resident.file_bytes) out->set_file_rss_bytes(*resident.file_bytes);
  if (resident.shmem_bytes) out->set_shmem_rss_bytes(*resident.shmem_bytes);
}

void AddProcesses(const std::vector<kernel::TrackedProcess>& processes, size_t most,
                  v1::ListUsageResponse& response) {
  std::vector<const kernel::TrackedProcess*> sorted;
  sorted.reserve(processes.size());
  for (const auto& process : processes) sorted.push_back(&process);
  const auto allocated = [](const kernel::TrackedProcess* process) {
    return process->kernel ? process->kernel->allocated_bytes : -1.0;
  };
  std::ranges::stable_sort(sorted, std::greater<>(), allocated);
  if (sorted.size() > most) sorted.resize(most);
  for (const auto* process : sorted) AddProcess(*process, response.add_processes());
}

uint32_t OneOf(uint32_t value, uint32_t otherwise, uint32_t most, const char* field,
               Violations& violations) {
  if (value == 0) return otherwise;
  if (value > most) violations.Add(field, base::StrCat("is over ", most));
  return value;
}

}  // namespace

void AddLookout(const forecast::LookoutState& state, v1::LookoutStatus* out) {
  out->set_reader(state.reader);
  out->set_reader_reason(Printable(state.reader_reason));
  out->set_pressure(state.pressure);
  out->set_watched(state.targets);
  out->set_left_out(state.left_out);
  out->set_standing_warnings(state.standing);
  out->set_last_pass_seconds(static_cast<double>(state.last_pass_ns) / kNanosPerSecond);
  out->set_lost(state.dropped_notices);
}

void AddTracking(const publish::TrackingState& state, const kernel::TrackingSnapshot& snapshot,
                 v1::TrackingStatus* out) {
  out->set_mode(static_cast<v1::TrackingMode>(static_cast<int>(snapshot.mode) + 1));
  out->set_one_in(snapshot.one_in);
  out->set_events_per_second(snapshot.events_per_second);
  out->set_watched_share(snapshot.watched_share);
  const bool on = snapshot.mode != TrackingMode::kOff;
  out->set_kernel(on && state.options.kernel);
  out->set_user(on && state.options.user);
  out->set_resident_error_bytes(snapshot.resident_error_bytes);
  out->set_refused(snapshot.refused);
  out->set_evicted(snapshot.evicted);
  out->set_error(Printable(state.error));
  if (state.until_wall_ns) publish::SetTime(*state.until_wall_ns, out->mutable_until());
}

grpc::Status ListUsage(const publish::UsageReport& report, const attribute::PodDirectory& directory,
                       const v1::ListUsageRequest& request, v1::ListUsageResponse& response) {
  Violations violations;
  CheckValues(request.namespaces(), "namespaces", violations);
  if (request.number() > kMaxPage) {
    violations.Add("number", base::StrCat("is over ", kMaxPage));
  }
  if (!violations.empty()) return violations.ToStatus();

  const size_t most = request.number() == 0 ? kDefaultPage : request.number();
  std::vector<const CgroupTrend*> sorted;
  sorted.reserve(report.trends.size());
  for (const CgroupTrend& trend : report.trends) sorted.push_back(&trend);
  std::ranges::stable_sort(sorted, [](const auto* a, const auto* b) { return IsNearer(*a, *b); });

  absl::flat_hash_map<uint64_t, const kernel::TrackedCgroup*> tracked;
  for (const kernel::TrackedCgroup& cgroup : report.tracking.cgroups) {
    tracked[cgroup.cgroup_id] = &cgroup;
  }
  const auto& namespaces = request.namespaces();
  for (const CgroupTrend* trend : sorted) {
    const model::Event named = Named(*trend, directory);
    if (!namespaces.empty() &&
        (!named.pod || std::ranges::find(namespaces, named.pod->ns) == namespaces.end())) {
      continue;
    }
    if (static_cast<size_t>(response.usages_size()) == most) {
      response.set_left_out(response.left_out() + 1);
      continue;
    }
    v1::Usage* usage = response.add_usages();
    AddUsage(named, *trend, usage);
    const auto found = tracked.find(trend->cgroup.id.value);
    if (found != tracked.end() && found->second->kernel) {
      AddKernel(*found->second->kernel, usage->mutable_kernel());
    }
  }
  publish::SetTime(report.wall_ns, response.mutable_time());
  AddTracking(report.tracking_state, report.tracking, response.mutable_tracking());
  AddProcesses(report.tracking.processes, most, response);
  return grpc::Status::OK;
}

TrackingOptions ReadTracking(const v1::SetTrackingRequest& request, Violations& violations) {
  TrackingOptions options;
  if (request.seconds() > kMaxTrackingSeconds) {
    violations.Add("seconds", base::StrCat("is over ", kMaxTrackingSeconds));
  }
  if (request.seconds() == 0) return options;
  if (request.mode() < v1::TRACKING_MODE_OFF || request.mode() > v1::TRACKING_MODE_KEYED) {
    violations.Add("mode", "is not a value that this agent knows");
    return options;
  }
  options.mode = static_cast<TrackingMode>(static_cast<int>(request.mode()) - 1);
  options.one_in =
      OneOf(request.one_in(), options.one_in, TrackingOptions::kMaxOneIn, "one_in", violations);
  options.events_per_second =
      OneOf(request.events_per_second(), options.events_per_second,
            TrackingOptions::kMaxEventsPerSecond, "events_per_second", violations);
  const size_t keys =
      static_cast<size_t>(request.cgroup_ids_size()) + static_cast<size_t>(request.pids_size());
  const bool keyed = options.mode == TrackingMode::kKeyed;
  if (keyed ? keys == 0 || keys > TrackingOptions::kMaxKeys : keys != 0) {
    violations.Add(request.cgroup_ids_size() != 0 ? "cgroup_ids" : "pids",
                   keyed ? base::StrCat("have to be from 1 to ", TrackingOptions::kMaxKeys,
                                        " with cgroup_ids and pids together")
                         : "are for TRACKING_MODE_KEYED");
    return options;
  }
  options.cgroups.assign(request.cgroup_ids().begin(), request.cgroup_ids().end());
  options.pids.assign(request.pids().begin(), request.pids().end());
  const bool both = !request.kernel() && !request.user();
  options.kernel = both || request.kernel();
  options.user = both || request.user();
  options.frees = request.frees();
  if (options.frees && !options.kernel) violations.Add("frees", "are those of kernel memory");
  return options;
}

}  // namespace oomtrail::api
