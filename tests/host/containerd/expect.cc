#include "tests/host/containerd/expect.h"

#include <algorithm>
#include <ctime>
#include <utility>

#include "agent/base/strings.h"

namespace oomtrail::containerd {
namespace {

// What each CPU holds back of a memory counter (MEMCG_CHARGE_BATCH), for any number of them that a
// test machine has.
constexpr uint64_t kSlackBytes = 64ULL * 4096 * 16;
// /proc tells a start in ticks of 10 ms.
constexpr int64_t kStartToleranceNs = 20'000'000;

// Appends one line for each place where `event` differs from what `expected` has; null is absent.
void Compare(const Json& expected, const Json& event, const Json::json_pointer& at,
             std::vector<std::string>& failures) {
  if (expected.is_object()) {
    for (const auto& [key, value] : expected.items()) Compare(value, event, at / key, failures);
    return;
  }
  const Json got = event.contains(at) ? event.at(at) : Json();
  if (got == expected) return;
  failures.push_back(
      base::StrCat(at.to_string(), ": expected ", expected.dump(), ", got ", got.dump()));
}

void Near(const Json& event, const char* pointer, uint64_t expected, uint64_t slack,
          std::vector<std::string>& failures) {
  const Json::json_pointer at(pointer);
  const uint64_t got =
      event.contains(at) && event.at(at).is_number_unsigned() ? event.at(at).get<uint64_t>() : 0;
  if ((got > expected ? got - expected : expected - got) <= slack) return;
  failures.push_back(base::StrCat(pointer, ": expected ", expected, " within ", slack, ", got ",
                                  event.contains(at) ? event.at(at).dump() : "nothing"));
}

int64_t WallNanos(const std::string& utc) {
  tm parts{};
  const char* rest = ::strptime(utc.c_str(), "%Y-%m-%dT%H:%M:%S.", &parts);
  int64_t nanos = 0;
  if (rest == nullptr || !base::SimpleAtoi(std::string_view(rest, 9), &nanos)) return 0;
  return ::timegm(&parts) * 1'000'000'000 + nanos;
}

int64_t Now(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}

// Times must be plausible: a clock is turned into another.
void CheckTimes(const Killed& killed, const Json& event, std::vector<std::string>& failures) {
  const int64_t wall_minus_boot = Now(CLOCK_REALTIME) - Now(CLOCK_BOOTTIME);
  const int64_t time = WallNanos(event.value("time", "")) - wall_minus_boot;
  const int64_t since = static_cast<int64_t>(killed.victim->start_boot_ns()) - kStartToleranceNs;
  if (time < since || time > Now(CLOCK_BOOTTIME)) {
    failures.push_back("/time: not between the victim's start and now: " + event.value("time", ""));
  }
  if (killed.victim->start_boot_ns() == 0) return;  // dead before it could be asked
  const std::string shown = event["victim"].value("start_time", "");
  const int64_t start = WallNanos(shown) - wall_minus_boot;
  const int64_t off = start - static_cast<int64_t>(killed.victim->start_boot_ns());
  if (off < -kStartToleranceNs || off > kStartToleranceNs) {
    failures.push_back(base::StrCat("/victim/start_time: ", shown, " is off by ", off, " ns"));
  }
}

// What no name source has a part in: the same in every revision.
void CheckKernelFacts(const Witnesses& witnesses, const Agent& agent, const Killed& killed,
                      const Json& event, std::vector<std::string>& failures) {
  const Hog& trigger = killed.trigger != nullptr ? *killed.trigger : *killed.victim;
  const Container& from =
      killed.trigger_container != nullptr ? *killed.trigger_container : *killed.container;
  const bool own_limit = killed.limit_cgroup.empty();
  const uint64_t limit = own_limit ? killed.container->spec.limit_bytes : killed.limit_bytes;
  Json expected = {
      {"schema", "oomtrail.v1.event"},
      {"kind", "oom_kill"},
      {"node", kNodeName},
      {"victim",
       {{"pid", killed.victim->pid()},
        {"tid", killed.victim->pid()},
        {"comm", killed.comm},
        {"uid", killed.victim->uid()},
        {"oom_score_adj", killed.oom_score_adj}}},
      {"trigger",
       {{"pid", trigger.pid()},
        {"comm", killed.trigger != nullptr ? "hog" : killed.comm},
        {"cgroup_path", from.cgroup}}},
      {"cgroup",
       {{"id", killed.container->inode}, {"path", killed.container->cgroup}, {"version", 1}}},
      {"scope", killed.scope},
      {"scope_inferred", agent.infers()},
      {"limit",
       {{"path", own_limit ? killed.container->cgroup : killed.limit_cgroup}, {"bytes", limit}}},
      {"oom", {{"group_kill", false}}},
      {"hook", {{"method", agent.method()}}},
      {"lost", nullptr},
  };
  // Over before the test could look: the kernel alone knows.
  if (killed.container->inode == 0) expected["cgroup"].erase("id");
  Compare(expected, event, Json::json_pointer(), failures);
  Near(event, "/limit/usage_bytes", limit, kSlackBytes, failures);
  if (const auto* truth = witnesses.log.Find(killed.victim->pid())) {
    Near(event, "/victim/anon_rss_bytes", truth->anon_bytes, kSlackBytes, failures);
    if (truth->comm != killed.comm || truth->uid != killed.victim->uid() ||
        truth->oom_score_adj != killed.oom_score_adj) {
      failures.push_back("the kernel's log tells of another victim");
    }
  }
  CheckTimes(killed, event, failures);
}

bool ByKubelet(const std::vector<std::string>& sources) {
  return std::ranges::find(sources, "kubelet") != sources.end();
}

// The kubelet asks for an image by its id, and that is all that containerd 1 keeps of it.
Json ContainerJson(const Container& container, const std::vector<std::string>& sources) {
  Json json = {{"name", container.spec.name},
               {"id", container.id},
               {"image", ByKubelet(sources) ? kHogImage : container.image_id},
               {"restart_count", container.spec.restarts},
               {"runtime", "containerd"}};
  if (ByKubelet(sources)) {
    json["kind"] = "app";
    json["memory_limit_bytes"] = container.spec.limit_bytes;
  }
  return json;
}

Json PodJson(const Pod& pod, const std::vector<std::string>& sources) {
  Json json = {{"namespace", pod.spec.ns}, {"name", pod.spec.name}, {"qos", pod.spec.qos}};
  // The API server knows a static pod by another uid, which nobody here can tell.
  json[pod.spec.is_static ? "config_hash" : "uid"] = pod.spec.uid;
  if (ByKubelet(sources)) json["host_network"] = false;
  if (!pod.spec.labels.empty()) json["labels"] = pod.spec.labels;
  if (!pod.spec.workload.is_null()) json["workload"] = pod.spec.workload;
  return json;
}

// The names of those before the last: nobody had answered yet, or for the pod only.
void CheckEarlier(const Json& event, std::vector<std::string>& failures) {
  const Json& attribution = event["attribution"];
  if (attribution["status"] != "partial" || attribution.value("reason", "").empty()) {
    failures.push_back("an earlier revision that is not partial: " + attribution.dump());
  }
  if (event["container"].contains("name")) {
    failures.push_back("an earlier revision that names its container");
  }
}

absl::Status AllOf(const std::vector<std::string>& failures) {
  if (failures.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(base::StrJoin(failures, "\n        "));
}

std::string StatusOf(const Json& event) { return event["attribution"].value("status", ""); }

}  // namespace

Naming Full(const Pod& pod, const Container& container, const std::vector<std::string>& sources) {
  return {.status = "full",
          .sources = sources,
          .missing = {},
          .reason = "",
          .pod = PodJson(pod, sources),
          .container = ContainerJson(container, sources)};
}

Naming PodOnly(const Pod& pod, const std::string& container_id,
               const std::vector<std::string>& sources) {
  return {.status = "partial",
          .sources = sources,
          .missing = {"container.name"},
          .reason = "the pod is known, its container is not",
          .pod = PodJson(pod, sources),
          .container = {{"id", container_id}}};
}

Naming PathOnly(const Pod& pod, const std::string& container_id, const std::string& reason) {
  return {.status = "partial",
          .sources = {},
          .missing = {"pod.name", "pod.namespace", "container.name"},
          .reason = reason,
          .pod = {{"uid", pod.spec.uid}, {"qos", pod.spec.qos}},
          .container = {{"id", container_id}}};
}

std::vector<std::string> CheckNaming(const Naming& expected, const Json& event) {
  std::vector<std::string> failures;
  const auto whole = [&](const char* name, const Json& wanted) {
    const Json got = event.contains(name) ? event.at(name) : Json();
    if (got == wanted) return;
    failures.push_back(base::StrCat("/", name, ": expected ", wanted.dump(), ", got ", got.dump()));
  };
  whole("pod", expected.pod);
  whole("container", expected.container);
  const Json& attribution = event.at("attribution");
  Json sources = Json::array({"cgroup_path"});
  for (const std::string& source : expected.sources) sources.push_back(source);
  Compare({{"status", expected.status}, {"sources", sources}}, attribution, Json::json_pointer(),
          failures);
  Json missing = Json::array();
  for (const Json& name : attribution["missing"]) {
    const std::string text = name.get<std::string>();
    if (text.starts_with("pod.") || text.starts_with("container.")) missing.push_back(text);
  }
  if (missing != Json(expected.missing)) {
    failures.push_back(base::StrCat("/attribution/missing: expected ",
                                    Json(expected.missing).dump(), ", got ", missing.dump()));
  }
  const std::string reason = attribution.value("reason", "");
  if (expected.reason.empty() != reason.empty() || !base::StrContains(reason, expected.reason)) {
    failures.push_back(base::StrCat("/attribution/reason: expected \"", expected.reason,
                                    "\", got \"", reason, "\""));
  }
  return failures;
}

absl::Status AwaitKilled(const Witnesses& witnesses, const Killed& killed) {
  const pid_t pid = killed.victim->pid();
  const bool dead = witnesses.watch.Until(
      [&] { return killed.victim->gone() && witnesses.log.Find(pid) != nullptr; });
  if (!dead) {
    return absl::DeadlineExceededError(
        base::StrCat("process ", pid,
                     killed.victim->gone() ? " is gone, but not by the kernel's log" : " lives"));
  }
  if (killed.removed) return absl::OkStatus();
  const auto counted = witnesses.node.OomKills(killed.container->cgroup);
  if (counted && *counted != killed.kills_in_container) {
    return absl::InternalError(base::StrCat("the kernel counts ", *counted, " kills in ",
                                            killed.container->cgroup, ", expected ",
                                            killed.kills_in_container));
  }
  return absl::OkStatus();
}

absl::Status ExpectEvent(const Witnesses& witnesses, const Agent& agent, const Killed& killed,
                         const Naming& naming) {
  const pid_t pid = killed.victim->pid();
  std::vector<const Json*> events;
  std::vector<std::string> failures = {"no event"};
  witnesses.watch.Until([&] {
    events = agent.EventsOf(pid);
    if (!events.empty()) failures = CheckNaming(naming, *events.back());
    return failures.empty() || (!events.empty() && StatusOf(*events.back()) == "full");
  });
  for (size_t i = 0; i < events.size(); ++i) {
    const Json& event = *events[i];
    Compare({{"id", events[0]->at("id")},
             {"revision", i},
             {"incident_id", events[0]->at("incident_id")},
             {"boot_time_ns", events[0]->at("boot_time_ns")}},
            event, Json::json_pointer(), failures);
    CheckKernelFacts(witnesses, agent, killed, event, failures);
    if (i + 1 < events.size()) CheckEarlier(event, failures);
  }
  if (!failures.empty() && !events.empty()) failures.push_back("event: " + events.back()->dump());
  return AllOf(failures);
}

absl::Status ExpectUntouched(const Witnesses& witnesses, const Agent& agent, const Hog& hog,
                             const Container& container) {
  std::vector<std::string> failures;
  if (hog.gone()) failures.push_back(base::StrCat("neighbour ", hog.name(), " is gone"));
  if (const auto kills = witnesses.node.OomKills(container.cgroup); kills != 0) {
    failures.push_back(base::StrCat("the kernel counts kills in the neighbour ", hog.name()));
  }
  // Whatever names it later is unexpected: it has not been asked for.
  for (const std::string& event : agent.Unexpected(witnesses.node.top())) failures.push_back(event);
  return AllOf(failures);
}

}  // namespace oomtrail::containerd
