// What must hold of the lines of any event at all. Shared by the property test and the fuzzer.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "agent/base/printable.h"
#include "agent/model/event.h"
#include "agent/publish/event_json.h"
#include "agent/publish/event_proto.h"
#include "agent/publish/event_text.h"

namespace oomtrail::publish {

// Undoes the escapes as docs/events.md tells a reader to. `words`: of the text form, whose words
// have their blanks escaped too.
inline std::string Unescape(std::string_view text, bool words = false) {
  const auto digit = [](char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
  };
  std::string bytes;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() && text[i + 1] == 'x') {
      const int high = digit(text[i + 2]);
      const int low = digit(text[i + 3]);
      const int value = high * 16 + low;
      const bool ours = value < 0x20 || value >= 0x7f || value == '\\' || (words && value == ' ');
      if (high >= 0 && low >= 0 && ours) {
        bytes += static_cast<char>(value);
        i += 3;
        continue;
      }
    }
    bytes += text[i];
  }
  return bytes;
}

// Deals the bytes of a test's or fuzzer's input out to the fields of an event.
class EventMaker {
 public:
  explicit EventMaker(std::string_view bytes) : bytes_(bytes) {}

  model::Event Make() {
    model::Event event;
    event.kind = Pick<model::Kind>(4);
    event.revision = Byte() % 3;
    event.wall_ns = static_cast<int64_t>(Number());
    event.boot_ns = Number();
    event.id = Text();
    event.node = Text();
    event.incident_id = Text();
    if (Flag()) event.victim = MakeVictim();
    if (Flag()) event.victim_start_wall_ns = static_cast<int64_t>(Number());
    if (Flag()) event.trigger = model::Trigger{.pid = Byte(), .comm = Text()};
    event.trigger_path = Text();
    event.cgroup_path = Text();
    event.cgroup_id = {Number()};
    event.cgroup_version = Byte() % 3;
    event.identity = MakeIdentity();
    if (Flag()) event.scope = Pick<model::Scope>(8);
    event.scope_inferred = Flag();
    if (Flag())
      event.limit = model::Limit{.path = Text(), .bytes = Maybe(), .usage_bytes = Maybe()};
    if (Flag()) event.oom = model::OomContext{.constraint = Pick<model::Constraint>(4)};
    if (Flag()) event.group_kill = Flag();
    event.attribution = {.status = Pick<model::AttributionStatus>(4),
                         .sources = {Text()},
                         .missing = {Text()},
                         .reason = Text()};
    if (Flag()) event.pod = MakePod();
    if (Flag()) event.container = MakeContainer();
    if (Flag()) event.hook = model::HookSource{Text(), Pick<model::HookMethod>(5)};
    if (Byte() % 8 == 0) event.loss = model::Loss{.stage = "s" + Text(), .count = Number()};
    event.suppressed = Byte() % 2;
    if (Flag()) event.warning = MakeWarning();
    if (Flag()) event.warned = model::Warned{Flag(), Text(), MaybeFraction()};
    return event;
  }

 private:
  uint8_t Byte() {
    if (bytes_.empty()) return 0;
    const auto byte = static_cast<uint8_t>(bytes_.front());
    bytes_.remove_prefix(1);
    return byte;
  }
  bool Flag() { return (Byte() & 1) != 0; }
  template <typename Enum>
  Enum Pick(int count) {
    return static_cast<Enum>(Byte() % count);
  }
  uint64_t Number() {
    uint64_t number = 0;
    for (int i = 0; i < 8; ++i) number = number << 8 | Byte();
    return number;
  }
  std::optional<uint64_t> Maybe() { return Flag() ? std::optional(Number()) : std::nullopt; }
  // Any size and sign, and never infinite.
  double Fraction() { return static_cast<double>(static_cast<int64_t>(Number())) / 1000; }
  std::optional<double> MaybeFraction() {
    return Flag() ? std::optional(Fraction()) : std::nullopt;
  }
  std::string Text() {
    const size_t wanted = Byte() % 32;  // first: it takes a byte of what is left
    const size_t size = std::min(wanted, bytes_.size());
    std::string text(bytes_.substr(0, size));
    bytes_.remove_prefix(size);
    return text;
  }
  model::Victim MakeVictim() {
    return {.pid = Byte(),
            .comm = Text(),
            .memory = {
                .anon_rss_bytes = Maybe(), .file_rss_bytes = Maybe(), .shmem_rss_bytes = Maybe()}};
  }
  model::Warning MakeWarning() {
    model::Warning warning{.reason = Pick<model::WarningReason>(3),
                           .trend = {Fraction(), MaybeFraction(), Fraction()},
                           .working_set_bytes = Number(),
                           .stalled_share = MaybeFraction()};
    if (Flag()) warning.outcome = Pick<model::WarningOutcome>(3);
    warning.outcome_seconds = MaybeFraction();
    return warning;
  }
  model::CgroupIdentity MakeIdentity() {
    model::CgroupIdentity identity{.level = Pick<model::Level>(5), .unit = Text()};
    if (Flag()) identity.container_id = model::ContainerId::Parse(std::string(64, 'a'));
    if (Flag()) identity.pod_uid = model::PodUid::Parse(std::string(32, 'b'));
    if (Flag()) identity.qos = Pick<model::Qos>(3);
    return identity;
  }
  model::PodFacts MakePod() {
    model::PodFacts pod{.name = Text(), .ns = Text(), .uid = Text(), .labels = {{Text(), Text()}}};
    if (Flag()) pod.workload = model::Workload{.kind = Text(), .name = Text()};
    if (Flag()) pod.annotations = {{Text(), Text()}};
    if (Flag()) pod.host_network = Flag();
    pod.memory_limit_bytes = Maybe();
    pod.memory_request_bytes = Maybe();
    return pod;
  }
  model::ContainerFacts MakeContainer() {
    model::ContainerFacts container{.name = Text(), .image = Text()};
    if (Flag()) container.kind = Pick<model::ContainerKind>(4);
    container.memory_limit_bytes = Maybe();
    container.memory_request_bytes = Maybe();
    return container;
  }

  std::string_view bytes_;
};

// Printable() changes nothing of what Printable() has made but its backslashes: a line as a whole
// is safe where, these aside, there is nothing left to escape.
inline bool IsSafeLine(std::string line) {
  std::erase(line, '\\');
  return base::Printable(line) == line;
}

// The first rule about the event's JSON that does not hold; empty where all do.
inline std::string_view BrokenJsonRule(const model::Event& event) {
  const std::string line = ToJson(event);
  if (!IsSafeLine(line)) return "a JSON line is printable UTF-8 without a newline";
  const auto json = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return "a JSON line is one JSON object";
  const auto is = [](const nlohmann::json& object, const char* name, const std::string& bytes) {
    if (bytes.empty()) return !object.contains(name);
    return object.contains(name) && Unescape(object[name].get<std::string>()) == bytes;
  };
  if (!is(json, "node", event.node)) return "the node comes back";
  if (event.victim && !is(json["victim"], "comm", event.victim->comm)) return "comm comes back";
  if (!event.cgroup_path.empty() && !is(json["cgroup"], "path", event.cgroup_path)) {
    return "the cgroup path comes back";
  }
  if (!event.pod) return "";
  const auto& [key, value] = *event.pod->labels.begin();
  const auto& labels = json["pod"]["labels"];
  if (labels.size() != 1 || Unescape(labels.begin().key()) != key) return "a label comes back";
  if (Unescape(labels.begin()->get<std::string>()) != value) return "a label's value comes back";
  return "";
}

// The same for its protobuf form: it comes back as the event that it was.
inline std::string_view BrokenProtoRule(const model::Event& event) {
  v1::Event message;
  ToProto(event, &message);
  std::string bytes;
  if (!message.SerializeToString(&bytes)) return "an event can be sent";
  v1::Event received;
  if (!received.ParseFromString(bytes)) return "every text is UTF-8";
  const auto back = FromProto(received);
  if (!back.ok()) return "what we send is an event";
  model::Event placed = *back;
  placed.cursor = event.cursor;  // not the message's
  return ToJson(placed) == ToJson(event) ? "" : "the same JSON comes back";
}

// The same for its text line.
inline std::string_view BrokenTextRule(const model::Event& event) {
  const std::string line = ToText(event);
  if (!IsSafeLine(line)) return "a text line is printable UTF-8 without a newline";
  if (line.find("  ") != std::string::npos || line.ends_with(' ')) return "no word is empty";
  if (event.loss || event.attribution.status == model::AttributionStatus::kUnknown ||
      event.identity.level == model::Level::kHost || !event.pod || event.pod->name.empty()) {
    return "";
  }
  // time, verb, namespace/pod
  size_t start = line.find(' ', line.find(' ') + 1) + 1;
  const std::string pod = line.substr(start, line.find(' ', start) - start);
  if (Unescape(pod, /*words=*/true) != event.pod->ns + "/" + event.pod->name) {
    return "a pod's name is one word and comes back";
  }
  return "";
}

}  // namespace oomtrail::publish
