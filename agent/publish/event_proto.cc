#include "agent/publish/event_proto.h"

#include <string>
#include <utility>

#include "agent/base/printable.h"
#include "agent/base/status.h"
#include "agent/base/strings.h"
#include "agent/publish/warning_proto.h"
#include "agent/publish/wire_enum.h"
#include "agent/resolve/path_grammar.h"

namespace oomtrail::publish {

using base::FromPrintable;
using base::Printable;
using google::protobuf::Timestamp;

namespace {

constexpr int64_t kNanosPerSecond = 1'000'000'000;

static_assert(ToWire<v1::Kind>(model::Kind::kOomKill) == v1::KIND_OOM_KILL);
static_assert(ToWire<v1::Kind>(model::Kind::kEarlyWarning) == v1::KIND_EARLY_WARNING);
static_assert(ToWire<v1::Scope>(model::Scope::kContainer) == v1::SCOPE_CONTAINER);
static_assert(ToWire<v1::Scope>(model::Scope::kNode) == v1::SCOPE_NODE);
static_assert(ToWire<v1::Scope>(model::Scope::kHost) == v1::SCOPE_HOST);
static_assert(ToWire<v1::Constraint>(model::Constraint::kNone) == v1::CONSTRAINT_NONE);
static_assert(ToWire<v1::Constraint>(model::Constraint::kMemcg) == v1::CONSTRAINT_MEMCG);
static_assert(ToWire<v1::AttributionStatus>(model::AttributionStatus::kFull) ==
              v1::ATTRIBUTION_STATUS_FULL);
static_assert(ToWire<v1::AttributionStatus>(model::AttributionStatus::kUnknown) ==
              v1::ATTRIBUTION_STATUS_UNKNOWN);
static_assert(ToWire<v1::Qos>(model::Qos::kGuaranteed) == v1::QOS_GUARANTEED);
static_assert(ToWire<v1::Qos>(model::Qos::kBestEffort) == v1::QOS_BEST_EFFORT);
static_assert(ToWire<v1::ContainerKind>(model::ContainerKind::kApp) == v1::CONTAINER_KIND_APP);
static_assert(ToWire<v1::ContainerKind>(model::ContainerKind::kEphemeral) ==
              v1::CONTAINER_KIND_EPHEMERAL);
static_assert(ToWire<v1::Method>(model::HookMethod::kFentry) == v1::METHOD_FENTRY);
static_assert(ToWire<v1::Method>(model::HookMethod::kKmsg) == v1::METHOD_KMSG);

// Any time that nanoseconds since the epoch can say; anything else was not written by an agent.
std::optional<int64_t> ReadTime(const Timestamp& time) {
  if (time.nanos() < 0 || time.nanos() >= kNanosPerSecond) return std::nullopt;
  // At the ends of the range the seconds alone are beyond it.
  const auto wall_ns = static_cast<__int128>(time.seconds()) * kNanosPerSecond + time.nanos();
  if (wall_ns < INT64_MIN || wall_ns > INT64_MAX) return std::nullopt;
  return static_cast<int64_t>(wall_ns);
}

void AddVictim(const model::Event& event, v1::Victim* out) {
  const model::Victim& victim = *event.victim;
  out->set_pid(victim.pid);
  if (victim.tid) out->set_tid(*victim.tid);
  out->set_comm(Printable(victim.comm));
  if (victim.uid) out->set_uid(*victim.uid);
  if (victim.oom_score_adj) out->set_oom_score_adj(*victim.oom_score_adj);
  if (event.victim_start_wall_ns) SetTime(*event.victim_start_wall_ns, out->mutable_start_time());
  const model::ProcessMemory& memory = victim.memory;
  if (memory.anon_rss_bytes) out->set_anon_rss_bytes(*memory.anon_rss_bytes);
  if (memory.file_rss_bytes) out->set_file_rss_bytes(*memory.file_rss_bytes);
  if (memory.shmem_rss_bytes) out->set_shmem_rss_bytes(*memory.shmem_rss_bytes);
  if (memory.page_table_bytes) out->set_page_table_bytes(*memory.page_table_bytes);
  if (memory.total_vm_bytes) out->set_total_vm_bytes(*memory.total_vm_bytes);
}

void AddTrigger(const model::Event& event, v1::Trigger* out) {
  out->set_pid(event.trigger->pid);
  out->set_comm(Printable(event.trigger->comm));
  out->set_cgroup_path(Printable(event.trigger_path));
}

void AddCgroup(const model::Event& event, v1::Event* out) {
  const bool known = event.cgroup_id.known() || !event.cgroup_path.empty() ||
                     event.cgroup_version != 0 || !event.identity.unit.empty();
  if (!known) return;
  v1::Cgroup* cgroup = out->mutable_cgroup();
  cgroup->set_id(event.cgroup_id.value);
  cgroup->set_path(Printable(event.cgroup_path));
  cgroup->set_version(static_cast<uint32_t>(event.cgroup_version));
  cgroup->set_unit(Printable(event.identity.unit));
}

void AddLimit(const model::Limit& limit, v1::Limit* out) {
  out->set_path(Printable(limit.path));
  if (limit.bytes) out->set_bytes(*limit.bytes);
  if (limit.usage_bytes) out->set_usage_bytes(*limit.usage_bytes);
}

void AddOom(const model::Event& event, v1::Event* out) {
  if (!event.oom && !event.group_kill) return;
  v1::Oom* oom = out->mutable_oom();
  if (event.oom) {
    oom->set_constraint(ToWire<v1::Constraint>(event.oom->constraint));
    if (event.oom->order) oom->set_order(*event.oom->order);
    if (event.oom->gfp) oom->set_gfp(*event.oom->gfp);
    if (event.oom->total_pages) oom->set_total_pages(*event.oom->total_pages);
  }
  if (event.group_kill) oom->set_group_kill(*event.group_kill);
}

void AddAttribution(const model::Attribution& attribution, v1::Attribution* out) {
  out->set_status(ToWire<v1::AttributionStatus>(attribution.status));
  for (const std::string& source : attribution.sources) out->add_sources(Printable(source));
  for (const std::string& missing : attribution.missing) out->add_missing(Printable(missing));
  out->set_reason(Printable(attribution.reason));
}

void AddPod(const model::Event& event, v1::Event* out) {
  if (!event.pod && !event.identity.pod_uid) return;
  v1::Pod* pod = out->mutable_pod();
  const auto qos = event.pod && event.pod->qos ? event.pod->qos : event.identity.qos;
  if (qos) pod->set_qos(ToProto(*qos));
  if (const auto& uid = event.identity.pod_uid; uid && uid->is_static_hash()) {
    pod->set_config_hash(uid->str());
  }
  if (!event.pod) {
    pod->set_uid(event.identity.pod_uid->str());
    return;
  }
  pod->set_namespace_(Printable(event.pod->ns));
  pod->set_name(Printable(event.pod->name));
  pod->set_uid(Printable(event.pod->uid));
  for (const auto& [key, value] : event.pod->labels) {
    (*pod->mutable_labels())[Printable(key)] = Printable(value);
  }
  for (const auto& [key, value] : event.pod->annotations) {
    (*pod->mutable_annotations())[Printable(key)] = Printable(value);
  }
  if (event.pod->host_network) pod->set_host_network(*event.pod->host_network);
  if (event.pod->memory_limit_bytes) pod->set_memory_limit_bytes(*event.pod->memory_limit_bytes);
  if (event.pod->memory_request_bytes) {
    pod->set_memory_request_bytes(*event.pod->memory_request_bytes);
  }
  if (!event.pod->workload) return;
  pod->mutable_workload()->set_kind(Printable(event.pod->workload->kind));
  pod->mutable_workload()->set_name(Printable(event.pod->workload->name));
  pod->mutable_workload()->set_inferred(event.pod->workload->inferred);
}

void AddContainer(const model::Event& event, v1::Event* out) {
  if (!event.container && !event.identity.container_id) return;
  v1::Container* container = out->mutable_container();
  if (event.identity.container_id) container->set_id(event.identity.container_id->str());
  auto runtime = event.identity.runtime;
  if (event.container) {
    container->set_name(Printable(event.container->name));
    container->set_image(Printable(event.container->image));
    if (event.container->restart_count) {
      container->set_restart_count(*event.container->restart_count);
    }
    if (event.container->kind) {
      container->set_kind(ToWire<v1::ContainerKind>(*event.container->kind));
    }
    if (event.container->memory_limit_bytes) {
      container->set_memory_limit_bytes(*event.container->memory_limit_bytes);
    }
    if (event.container->memory_request_bytes) {
      container->set_memory_request_bytes(*event.container->memory_request_bytes);
    }
    if (event.container->runtime) runtime = event.container->runtime;
  }
  if (runtime) container->set_runtime(std::string(Name(*runtime)));
}

absl::Status Wrong(std::string_view what) {
  return absl::InvalidArgumentError(base::StrCat("event with ", what));
}

absl::Status ReadVictim(const v1::Victim& in, model::Event& event) {
  model::Victim& victim = event.victim.emplace();
  victim.pid = in.pid();
  if (in.has_tid()) victim.tid = in.tid();
  victim.comm = FromPrintable(in.comm());
  if (in.has_uid()) victim.uid = in.uid();
  if (in.has_oom_score_adj()) victim.oom_score_adj = in.oom_score_adj();
  if (in.has_start_time()) {
    event.victim_start_wall_ns = ReadTime(in.start_time());
    if (!event.victim_start_wall_ns) return Wrong("a start_time out of range");
  }
  model::ProcessMemory& memory = victim.memory;
  if (in.has_anon_rss_bytes()) memory.anon_rss_bytes = in.anon_rss_bytes();
  if (in.has_file_rss_bytes()) memory.file_rss_bytes = in.file_rss_bytes();
  if (in.has_shmem_rss_bytes()) memory.shmem_rss_bytes = in.shmem_rss_bytes();
  if (in.has_page_table_bytes()) memory.page_table_bytes = in.page_table_bytes();
  if (in.has_total_vm_bytes()) memory.total_vm_bytes = in.total_vm_bytes();
  return absl::OkStatus();
}

void ReadOom(const v1::Oom& in, model::Event& event) {
  if (in.has_group_kill()) event.group_kill = in.group_kill();
  const auto constraint = FromWire<model::Constraint>(in.constraint(), v1::CONSTRAINT_MEMCG);
  if (!constraint) return;
  model::OomContext& oom = event.oom.emplace();
  oom.constraint = *constraint;
  if (in.has_order()) oom.order = in.order();
  if (in.has_gfp()) oom.gfp = in.gfp();
  if (in.has_total_pages()) oom.total_pages = in.total_pages();
}

void ReadAttribution(const v1::Attribution& in, model::Attribution& out) {
  out.status = FromWire<model::AttributionStatus>(in.status(), v1::ATTRIBUTION_STATUS_UNKNOWN)
                   .value_or(model::AttributionStatus::kUnknown);
  for (const std::string& source : in.sources()) out.sources.push_back(FromPrintable(source));
  for (const std::string& missing : in.missing()) out.missing.push_back(FromPrintable(missing));
  out.reason = FromPrintable(in.reason());
}

void ReadPod(const v1::Pod& in, model::Event& event) {
  const auto qos = FromWire<model::Qos>(in.qos(), v1::QOS_BEST_EFFORT);
  const bool named = !in.namespace_().empty() || !in.name().empty() || !in.labels().empty() ||
                     !in.annotations().empty() || in.has_workload() || in.has_host_network() ||
                     in.has_memory_limit_bytes() || in.has_memory_request_bytes();
  // Whatever this program's grammar makes of the path: the agent that sent it knew.
  event.identity.level = model::Level::kPod;
  // The cgroup of a static pod has the hash of its manifest in the place of the uid.
  event.identity.pod_uid =
      model::PodUid::Parse(in.config_hash().empty() ? in.uid() : in.config_hash());
  if (qos && !event.identity.qos) event.identity.qos = qos;
  if (!named && event.identity.pod_uid && in.uid() == event.identity.pod_uid->str()) return;
  model::PodFacts& pod = event.pod.emplace();
  pod.ns = FromPrintable(in.namespace_());
  pod.name = FromPrintable(in.name());
  pod.uid = FromPrintable(in.uid());
  pod.qos = qos;
  for (const auto& [key, value] : in.labels()) {
    pod.labels[FromPrintable(key)] = FromPrintable(value);
  }
  for (const auto& [key, value] : in.annotations()) {
    pod.annotations[FromPrintable(key)] = FromPrintable(value);
  }
  if (in.has_host_network()) pod.host_network = in.host_network();
  if (in.has_memory_limit_bytes()) pod.memory_limit_bytes = in.memory_limit_bytes();
  if (in.has_memory_request_bytes()) pod.memory_request_bytes = in.memory_request_bytes();
  if (!in.has_workload()) return;
  pod.workload = model::Workload{.kind = FromPrintable(in.workload().kind()),
                                 .name = FromPrintable(in.workload().name()),
                                 .inferred = in.workload().inferred()};
}

std::optional<model::Runtime> RuntimeNamed(std::string_view word) {
  for (const auto runtime : {model::Runtime::kContainerd, model::Runtime::kCrio,
                             model::Runtime::kDocker, model::Runtime::kPodman}) {
    if (Name(runtime) == word) return runtime;
  }
  return std::nullopt;
}

void ReadContainer(const v1::Container& in, model::Event& event) {
  event.identity.level = model::Level::kContainer;
  event.identity.container_id = model::ContainerId::Parse(in.id());
  event.identity.runtime = RuntimeNamed(in.runtime());
  const auto kind = FromWire<model::ContainerKind>(in.kind(), v1::CONTAINER_KIND_EPHEMERAL);
  const bool known = !in.name().empty() || !in.image().empty() || in.has_restart_count() || kind ||
                     in.has_memory_limit_bytes() || in.has_memory_request_bytes();
  if (!known) return;
  model::ContainerFacts& container = event.container.emplace();
  container.name = FromPrintable(in.name());
  container.image = FromPrintable(in.image());
  if (in.has_restart_count()) container.restart_count = in.restart_count();
  container.kind = kind;
  if (in.has_memory_limit_bytes()) container.memory_limit_bytes = in.memory_limit_bytes();
  if (in.has_memory_request_bytes()) container.memory_request_bytes = in.memory_request_bytes();
}

void ReadCgroup(const v1::Cgroup& in, model::Event& event) {
  event.cgroup_id = {in.id()};
  event.cgroup_path = FromPrintable(in.path());
  event.cgroup_version = in.version() <= 2 ? static_cast<int>(in.version()) : 0;
  event.identity = resolve::ParseCgroupPath(event.cgroup_path);
  event.identity.unit = FromPrintable(in.unit());
}

}  // namespace

void SetTime(int64_t wall_ns, Timestamp* out) {
  int64_t seconds = wall_ns / kNanosPerSecond;
  int64_t nanos = wall_ns % kNanosPerSecond;
  if (nanos < 0) {
    nanos += kNanosPerSecond;
    --seconds;
  }
  out->set_seconds(seconds);
  out->set_nanos(static_cast<int32_t>(nanos));
}

std::optional<model::Kind> FromProto(v1::Kind kind) {
  return FromWire<model::Kind>(kind, v1::KIND_EARLY_WARNING);
}

std::optional<model::Scope> FromProto(v1::Scope scope) {
  return FromWire<model::Scope>(scope, v1::SCOPE_HOST);
}

v1::Kind ToProto(model::Kind kind) { return ToWire<v1::Kind>(kind); }
v1::Scope ToProto(model::Scope scope) { return ToWire<v1::Scope>(scope); }
v1::Method ToProto(model::HookMethod method) { return ToWire<v1::Method>(method); }
v1::Qos ToProto(model::Qos qos) { return ToWire<v1::Qos>(qos); }

void ToProto(const model::Event& event, v1::Event* out) {
  out->set_id(Printable(event.id));
  out->set_revision(event.revision);
  SetTime(event.wall_ns, out->mutable_time());
  out->set_boot_time_ns(event.boot_ns);
  out->set_node(Printable(event.node));
  out->set_incident_id(Printable(event.incident_id));
  out->set_kind(ToProto(event.kind));
  if (event.victim) AddVictim(event, out->mutable_victim());
  if (event.trigger) AddTrigger(event, out->mutable_trigger());
  AddCgroup(event, out);
  if (event.scope) {
    out->set_scope(ToProto(*event.scope));
    out->set_scope_inferred(event.scope_inferred);
  }
  if (event.limit) AddLimit(*event.limit, out->mutable_limit());
  AddOom(event, out);
  if (event.kind != model::Kind::kLost) {
    AddAttribution(event.attribution, out->mutable_attribution());
  }
  AddPod(event, out);
  AddContainer(event, out);
  if (event.hook) {
    out->mutable_hook()->set_name(Printable(event.hook->name));
    out->mutable_hook()->set_method(ToProto(event.hook->method));
  }
  if (event.loss) {
    out->mutable_loss()->set_stage(Printable(event.loss->stage));
    out->mutable_loss()->set_count(event.loss->count);
  }
  out->set_suppressed(event.suppressed);
  if (event.warning) ToProto(*event.warning, out->mutable_warning());
  if (event.warned) ToProto(*event.warned, out->mutable_warned());
}

absl::StatusOr<model::Event> FromProto(const v1::Event& message) {
  model::Event event;
  const auto kind = FromProto(message.kind());
  if (!kind) return absl::UnimplementedError(base::StrCat("event of kind ", int{message.kind()}));
  event.kind = *kind;
  event.id = FromPrintable(message.id());
  event.revision = message.revision();
  const auto time = ReadTime(message.time());
  if (!time) return Wrong("a time out of range");
  event.wall_ns = *time;
  event.boot_ns = message.boot_time_ns();
  event.node = FromPrintable(message.node());
  event.incident_id = FromPrintable(message.incident_id());
  if (message.has_victim()) RETURN_IF_ERROR(ReadVictim(message.victim(), event));
  if (message.has_trigger()) {
    event.trigger = model::Trigger{.pid = message.trigger().pid(),
                                   .comm = FromPrintable(message.trigger().comm())};
    event.trigger_path = FromPrintable(message.trigger().cgroup_path());
  }
  if (message.has_cgroup()) ReadCgroup(message.cgroup(), event);
  event.scope = FromProto(message.scope());
  event.scope_inferred = event.scope && message.scope_inferred();
  if (message.has_limit()) {
    model::Limit& limit = event.limit.emplace();
    limit.path = FromPrintable(message.limit().path());
    if (message.limit().has_bytes()) limit.bytes = message.limit().bytes();
    if (message.limit().has_usage_bytes()) limit.usage_bytes = message.limit().usage_bytes();
  }
  if (message.has_oom()) ReadOom(message.oom(), event);
  if (message.has_attribution()) ReadAttribution(message.attribution(), event.attribution);
  if (message.has_pod()) ReadPod(message.pod(), event);
  if (message.has_container()) ReadContainer(message.container(), event);
  if (message.has_hook()) {
    const auto method = FromWire<model::HookMethod>(message.hook().method(), v1::METHOD_KMSG);
    if (!method) return Wrong("an unknown hook method");
    event.hook = model::HookSource{.name = FromPrintable(message.hook().name()), .method = *method};
  }
  if (message.has_loss()) {
    event.loss = model::Loss{.stage = FromPrintable(message.loss().stage()),
                             .count = message.loss().count()};
  }
  event.suppressed = message.suppressed();
  if (message.has_warning()) {
    ASSIGN_OR_RETURN(event.warning, FromProto(message.warning()));
  }
  if (message.has_warned()) {
    ASSIGN_OR_RETURN(event.warned, FromProto(message.warned()));
  }
  return event;
}

}  // namespace oomtrail::publish
