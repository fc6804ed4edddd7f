#include "tests/host/containerd/agent.h"

#include <algorithm>
#include <csignal>
#include <ctime>
#include <optional>

#include "agent/base/status.h"
#include "agent/base/strings.h"

namespace oomtrail::containerd {
namespace {

constexpr std::string_view kArmed = "kills by ";

std::string Text(const Json& event, const char* pointer) {
  const Json::json_pointer at(pointer);
  return event.contains(at) && event.at(at).is_string() ? event.at(at).get<std::string>() : "";
}

std::optional<pid_t> VictimOf(const Json& event) {
  const Json::json_pointer at("/victim/pid");
  if (!event.contains(at)) return std::nullopt;
  return event.at(at).get<pid_t>();
}

uint64_t BootNanos() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Agent>> Agent::Start(Watch& watch, const std::string& program,
                                                    const std::vector<std::string>& flags) {
  std::vector<std::string> argv = {program,        "agent",     "--node-name",  kNodeName,  "--pin",
                                   "none",         "--journal", "none",         "--listen", "none",
                                   "--log-format", "json",      "--pod-labels", "*"};
  argv.insert(argv.end(), flags.begin(), flags.end());
  auto agent = std::unique_ptr<Agent>(new Agent(watch));
  Agent* self = agent.get();
  ASSIGN_OR_RETURN(agent->program_,
                   Program::Start(
                       watch, argv, [self](std::string_view line) { self->TakeEvent(line); },
                       [self](std::string_view line) { self->TakeLog(line); }));
  watch.Until([&] { return !self->method_.empty() || self->program_->ended(); });
  if (!self->method_.empty()) return agent;
  return absl::UnavailableError(
      base::StrCat("the agent is not armed: ", base::StrJoin(self->log_, " | ")));
}

void Agent::TakeEvent(std::string_view line) {
  Json event = Json::parse(line, nullptr, false);
  if (event.is_object()) {
    if (const auto pid = VictimOf(event)) came_boot_ns_.emplace(*pid, BootNanos());
    events_.push_back(std::move(event));
  } else {
    garbage_.emplace_back(line);
  }
}

void Agent::TakeLog(std::string_view line) {
  const Json entry = Json::parse(line, nullptr, false);
  const std::string message = entry.is_object() ? Text(entry, "/msg") : std::string(line);
  log_.push_back(message);
  const size_t at = message.find(kArmed);
  if (message.starts_with("armed in ") && at != std::string::npos) {
    method_ = message.substr(at + kArmed.size());
  }
}

bool Agent::infers() const {
  return method_ == "kmsg" ? false : CountLog({"hook context: none"}) != 0;
}

std::vector<const Json*> Agent::EventsOf(pid_t pid) const {
  asked_.insert(pid);
  std::vector<const Json*> found;
  for (const Json& event : events_) {
    if (VictimOf(event) == pid) found.push_back(&event);
  }
  return found;
}

std::chrono::nanoseconds Agent::DelayOf(pid_t pid) const {
  const auto events = EventsOf(pid);
  if (events.empty()) return std::chrono::nanoseconds::max();
  return std::chrono::nanoseconds(came_boot_ns_.at(pid) -
                                  events[0]->at("boot_time_ns").get<uint64_t>());
}

std::vector<std::string> Agent::Unexpected(const std::string& top) const {
  std::vector<std::string> found;
  for (const std::string& line : garbage_) found.push_back("stdout: no event: " + line);
  for (const Json& event : events_) {
    const std::string kind = Text(event, "/kind");
    const bool ours = Text(event, "/cgroup/path").starts_with(top + "/");
    const auto victim = VictimOf(event);
    const bool asked = kind == "oom_kill" && victim && asked_.contains(*victim);
    if (kind == "lost" || (ours && !asked)) found.push_back("unexpected event: " + event.dump());
  }
  return found;
}

size_t Agent::CountLog(const std::vector<std::string>& parts) const {
  return static_cast<size_t>(std::ranges::count_if(log_, [&](const std::string& line) {
    return std::ranges::all_of(
        parts, [&](const std::string& part) { return base::StrContains(line, part); });
  }));
}

absl::Status Agent::AwaitLog(const std::vector<std::string>& parts, size_t count) {
  if (watch_.Until([&] { return CountLog(parts) >= count; })) return absl::OkStatus();
  return absl::DeadlineExceededError(base::StrCat("the agent does not log \"",
                                                  base::StrJoin(parts, "…"),
                                                  "\", but: ", base::StrJoin(log_, " | ")));
}

absl::Status Agent::Stop() {
  program_->Signal(SIGTERM);
  RETURN_IF_ERROR(program_->AwaitEnd());
  if (program_->status() == 0) return absl::OkStatus();
  return absl::InternalError(base::StrCat("the agent ended with status ", program_->status(), ": ",
                                          base::StrJoin(log_, " | ")));
}

}  // namespace oomtrail::containerd
