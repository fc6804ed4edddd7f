#include "agent/publish/event_json.h"

#include "agent/base/time_format.h"
#include "agent/publish/json_object.h"

namespace oomtrail::publish {
namespace {

constexpr const char* kSchema = "oomtrail.v1.event";
constexpr int kNanoDigits = 9;
constexpr int kMilliDigits = 3;
constexpr int kShareDigits = 4;
constexpr size_t kUsualBytes = 2048;

std::string Utc(int64_t wall_ns) { return base::FormatUtc(wall_ns, kNanoDigits); }

void AddVictim(const model::Event& event, JsonObject& parent) {
  const model::Victim& victim = *event.victim;
  JsonObject out(parent, "victim");
  out.Number("pid", victim.pid);
  out.NumberIfAny("tid", victim.tid);
  out.TextIfAny("comm", victim.comm);
  out.NumberIfAny("uid", victim.uid);
  out.NumberIfAny("oom_score_adj", victim.oom_score_adj);
  if (event.victim_start_wall_ns) out.Text("start_time", Utc(*event.victim_start_wall_ns));
  out.NumberIfAny("anon_rss_bytes", victim.memory.anon_rss_bytes);
  out.NumberIfAny("file_rss_bytes", victim.memory.file_rss_bytes);
  out.NumberIfAny("shmem_rss_bytes", victim.memory.shmem_rss_bytes);
  out.NumberIfAny("page_table_bytes", victim.memory.page_table_bytes);
  out.NumberIfAny("total_vm_bytes", victim.memory.total_vm_bytes);
}

void AddTrigger(const model::Event& event, JsonObject& parent) {
  JsonObject out(parent, "trigger");
  out.Number("pid", event.trigger->pid);
  out.TextIfAny("comm", event.trigger->comm);
  out.TextIfAny("cgroup_path", event.trigger_path);
}

void AddCgroup(const model::Event& event, JsonObject& parent) {
  JsonObject out(parent, "cgroup");
  if (event.cgroup_id.known()) out.Number("id", event.cgroup_id.value);
  out.TextIfAny("path", event.cgroup_path);
  if (event.cgroup_version != 0) out.Number("version", event.cgroup_version);
  out.TextIfAny("unit", event.identity.unit);
}

void AddLimit(const model::Limit& limit, JsonObject& parent) {
  JsonObject out(parent, "limit");
  out.TextIfAny("path", limit.path);
  out.NumberIfAny("bytes", limit.bytes);
  out.NumberIfAny("usage_bytes", limit.usage_bytes);
}

void AddOom(const model::Event& event, JsonObject& parent) {
  JsonObject out(parent, "oom");
  if (event.oom) {
    out.Text("constraint", Name(event.oom->constraint));
    out.NumberIfAny("order", event.oom->order);
    out.NumberIfAny("gfp", event.oom->gfp);
    out.NumberIfAny("total_pages", event.oom->total_pages);
  }
  if (event.group_kill) out.Flag("group_kill", *event.group_kill);
}

void AddAttribution(const model::Attribution& attribution, JsonObject& parent) {
  JsonObject out(parent, "attribution");
  out.Text("status", Name(attribution.status));
  out.Texts("sources", attribution.sources);
  out.Texts("missing", attribution.missing);
  out.TextIfAny("reason", attribution.reason);
}

void AddLabels(std::string_view name, const std::map<std::string, std::string>& labels,
               JsonObject& parent) {
  JsonObject out(parent, name);
  for (const auto& [key, value] : labels) out.Labelled(key, value);
}

void AddPod(const model::Event& event, JsonObject& parent) {
  JsonObject out(parent, "pod");
  if (event.pod) {
    out.TextIfAny("namespace", event.pod->ns);
    out.TextIfAny("name", event.pod->name);
    out.TextIfAny("uid", event.pod->uid);
  } else if (event.identity.pod_uid) {
    out.Text("uid", event.identity.pod_uid->str());
  } else {
    return;  // a QoS class alone is a slice, not a pod
  }
  const auto qos = event.pod && event.pod->qos ? event.pod->qos : event.identity.qos;
  if (qos) out.Text("qos", Name(*qos));
  if (const auto& uid = event.identity.pod_uid; uid && uid->is_static_hash()) {
    out.Text("config_hash", uid->str());
  }
  if (!event.pod) return;
  if (event.pod->host_network) out.Flag("host_network", *event.pod->host_network);
  out.NumberIfAny("memory_limit_bytes", event.pod->memory_limit_bytes);
  out.NumberIfAny("memory_request_bytes", event.pod->memory_request_bytes);
  AddLabels("labels", event.pod->labels, out);
  AddLabels("annotations", event.pod->annotations, out);
  const auto& workload = event.pod->workload;
  if (workload && !workload->kind.empty() && !workload->name.empty()) {
    JsonObject whose(out, "workload");
    whose.Text("kind", workload->kind);
    whose.Text("name", workload->name);
    whose.Flag("inferred", workload->inferred);
  }
}

void AddContainer(const model::Event& event, JsonObject& parent) {
  JsonObject out(parent, "container");
  auto runtime = event.identity.runtime;
  if (event.container) out.TextIfAny("name", event.container->name);
  if (event.identity.container_id) out.Text("id", event.identity.container_id->str());
  if (event.container) {
    out.TextIfAny("image", event.container->image);
    out.NumberIfAny("restart_count", event.container->restart_count);
    if (event.container->kind) out.Text("kind", Name(*event.container->kind));
    out.NumberIfAny("memory_limit_bytes", event.container->memory_limit_bytes);
    out.NumberIfAny("memory_request_bytes", event.container->memory_request_bytes);
    if (event.container->runtime) runtime = event.container->runtime;
  }
  if (!out.empty() && runtime) out.Text("runtime", Name(*runtime));
}

void AddHook(const model::HookSource& hook, JsonObject& parent) {
  JsonObject out(parent, "hook");
  out.Text("name", hook.name);
  out.Text("method", Name(hook.method));
}

void AddLoss(const model::Loss& loss, JsonObject& parent) {
  JsonObject out(parent, "lost");
  out.Text("stage", loss.stage);
  out.Number("count", loss.count);
}

void AddWarning(const model::Warning& warning, JsonObject& parent) {
  JsonObject out(parent, "warning");
  out.Text("reason", Name(warning.reason));
  out.Fraction("confidence", warning.trend.confidence, kShareDigits);
  out.Fraction("growth_bytes_per_second", warning.trend.growth_bytes_per_second, 0);
  out.FractionIfAny("seconds_to_limit", warning.trend.seconds_to_limit, kMilliDigits);
  out.Number("working_set_bytes", warning.working_set_bytes);
  out.FractionIfAny("stalled_share", warning.stalled_share, kShareDigits);
  if (warning.outcome) out.Text("outcome", Name(*warning.outcome));
  out.FractionIfAny("outcome_seconds", warning.outcome_seconds, kMilliDigits);
}

void AddWarned(const model::Warned& warned, JsonObject& parent) {
  JsonObject out(parent, "warned");
  out.Flag("warned", warned.warned);
  out.TextIfAny("id", warned.id);
  out.FractionIfAny("seconds_before", warned.seconds_before, kMilliDigits);
}

void AddEvent(const model::Event& event, JsonObject& out) {
  out.Text("schema", kSchema);
  out.Text("id", event.id);
  out.Number("revision", event.revision);
  out.Text("time", Utc(event.wall_ns));
  out.Number("boot_time_ns", event.boot_ns);
  out.TextIfAny("node", event.node);
  out.TextIfAny("incident_id", event.incident_id);
  out.TextIfAny("cursor", event.cursor);
  out.Text("kind", Name(event.kind));
  if (event.victim) AddVictim(event, out);
  if (event.trigger) AddTrigger(event, out);
  AddCgroup(event, out);
  if (event.scope) {
    out.Text("scope", Name(*event.scope));
    out.Flag("scope_inferred", event.scope_inferred);
  }
  if (event.limit) AddLimit(*event.limit, out);
  AddOom(event, out);
  if (event.kind != model::Kind::kLost) AddAttribution(event.attribution, out);
  AddPod(event, out);
  AddContainer(event, out);
  if (event.hook) AddHook(*event.hook, out);
  if (event.loss) AddLoss(*event.loss, out);
  if (event.suppressed != 0) out.Number("suppressed", event.suppressed);
  if (event.warning) AddWarning(*event.warning, out);
  if (event.warned) AddWarned(*event.warned, out);
}

}  // namespace

std::string ToJson(const model::Event& event) {
  std::string line;
  line.reserve(kUsualBytes);
  {
    JsonObject out(line);
    AddEvent(event, out);
  }
  return line;
}

}  // namespace oomtrail::publish
