#include "tests/host/containerd/kubelet.h"

#include <cstdio>
#include <fstream>

#include "agent/base/file.h"
#include "agent/base/status.h"
#include "agent/base/strings.h"

namespace oomtrail::containerd {
namespace {

constexpr size_t kMaxFileBytes = 1 << 20;
constexpr const char* kToken = "token-of-the-agent";

// Whole or not at all: it is read at any time.
absl::Status Replace(const std::string& path, const std::string& text) {
  const std::string next = path + ".next";
  std::ofstream(next) << text;
  if (std::rename(next.c_str(), path.c_str()) == 0) return absl::OkStatus();
  return base::ErrnoStatus(errno, base::StrCat("write ", path));
}

std::string QosClass(const std::string& qos) {
  return qos == "guaranteed" ? "Guaranteed" : qos == "burstable" ? "Burstable" : "BestEffort";
}

Json Status(const Container& container, const std::string& image_id) {
  return {{"name", container.spec.name},
          {"image", kHogImage},
          {"imageID", image_id},
          {"containerID", "containerd://" + container.id},
          {"ready", true},
          {"restartCount", container.spec.restarts},
          {"state", {{"running", {{"startedAt", "2026-11-21T13:00:00Z"}}}}},
          {"lastState", Json::object()}};
}

Json PodJson(const Pod& pod, const std::string& image_id) {
  Json metadata = {{"name", pod.spec.name},
                   {"namespace", pod.spec.ns},
                   {"uid", pod.spec.uid},
                   {"labels", pod.spec.labels},
                   {"annotations", pod.spec.annotations}};
  if (!pod.spec.owner.is_null()) metadata["ownerReferences"] = Json::array({pod.spec.owner});
  Json statuses = Json::array();
  Json containers = Json::array();
  for (const Container& container : pod.containers) {
    statuses.push_back(Status(container, image_id));
    const std::string limit = std::to_string(container.spec.limit_bytes);
    containers.push_back({{"name", container.spec.name},
                          {"image", kHogImage},
                          {"resources", {{"limits", {{"memory", limit}}}}}});
  }
  return {{"metadata", metadata},
          {"spec", {{"nodeName", "containerd-node"}, {"containers", containers}}},
          {"status",
           {{"phase", "Running"},
            {"qosClass", QosClass(pod.spec.qos)},
            {"containerStatuses", statuses}}}};
}

}  // namespace

absl::StatusOr<std::unique_ptr<Kubelet>> Kubelet::Start(Watch& watch, const std::string& script,
                                                        const std::string& directory) {
  auto kubelet = std::unique_ptr<Kubelet>(new Kubelet(watch, directory));
  RETURN_IF_ERROR(Replace(directory + "/token", kToken));
  RETURN_IF_ERROR(kubelet->Trust(true));
  RETURN_IF_ERROR(kubelet->Authorize(true));
  RETURN_IF_ERROR(kubelet->Behave("ok"));
  RETURN_IF_ERROR(Replace(directory + "/pods.json", R"({"kind":"PodList","items":null})"));
  Kubelet* self = kubelet.get();
  const auto on_line = [self](std::string_view line) {
    if (base::ConsumePrefix(&line, "port ")) {
      self->url_ = base::StrCat("https://localhost:", line);
    } else {
      ++self->answers_[std::string(line)];
    }
  };
  const auto on_error = [self](std::string_view line) {
    base::StrAppend(&self->errors_, line, "\n");
  };
  ASSIGN_OR_RETURN(kubelet->program_, Program::Start(watch, {"/usr/bin/python3", script, directory},
                                                     on_line, on_error));
  if (watch.Until([&] { return !self->url_.empty() || self->program_->ended(); }) &&
      !self->url_.empty()) {
    return kubelet;
  }
  return absl::UnavailableError("kubelet.py does not listen: " + self->errors_);
}

std::vector<std::string> Kubelet::Flags() const {
  return {"--kubelet-url",        url_,
          "--kubelet-ca",         directory_ + "/agent-ca.pem",
          "--kubelet-token-file", directory_ + "/agent-token"};
}

absl::Status Kubelet::Behave(const std::string& mode) const {
  return Replace(directory_ + "/mode", mode);
}

absl::Status Kubelet::Serve(const Node& node) const {
  Json items = Json::array();
  for (const Pod& pod : node.pods()) items.push_back(PodJson(pod, node.hog_image_id()));
  const Json list = {
      {"kind", "PodList"}, {"apiVersion", "v1"}, {"metadata", Json::object()}, {"items", items}};
  return Replace(directory_ + "/pods.json", list.dump());
}

absl::Status Kubelet::Trust(bool right) const {
  ASSIGN_OR_RETURN(
      const std::string authority,
      base::ReadFile(directory_ + (right ? "/ca.pem" : "/other-ca.pem"), kMaxFileBytes));
  return Replace(directory_ + "/agent-ca.pem", authority);
}

absl::Status Kubelet::Authorize(bool right) const {
  return Replace(directory_ + "/agent-token", right ? kToken : "an-expired-token");
}

absl::Status Kubelet::AwaitAnswers(const std::string& answer, size_t count) {
  if (watch_.Until([&] { return Answers(answer) >= count; })) return absl::OkStatus();
  return absl::DeadlineExceededError(base::StrCat("the kubelet was asked ", Answers(answer),
                                                  " times to answer \"", answer, "\", expected ",
                                                  count));
}

size_t Kubelet::Answers(const std::string& answer) const {
  const auto found = answers_.find(answer);
  return found == answers_.end() ? 0 : found->second;
}

}  // namespace oomtrail::containerd
