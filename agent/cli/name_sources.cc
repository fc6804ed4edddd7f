#include "agent/cli/name_sources.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "agent/attribute/cri_auto_source.h"
#include "agent/attribute/cri_endpoint.h"
#include "agent/attribute/cri_source.h"
#include "agent/attribute/key_list.h"
#include "agent/attribute/kubelet_source.h"
#include "agent/attribute/kubelet_url.h"
#include "agent/base/status.h"
#include "agent/base/strings.h"
#include "agent/base/unique_fd.h"

namespace oomtrail::cli {
namespace {

using attribute::NameSource;

absl::Status CheckReadable(std::string_view flag, const std::string& path) {
  if (path.empty()) return absl::OkStatus();
  const base::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  char byte = 0;
  // A directory opens well, and cannot be read.
  if (fd.ok() && ::read(fd.get(), &byte, 0) == 0) return absl::OkStatus();
  const int error = errno;
  return absl::InvalidArgumentError(base::StrCat(flag, " ", path, ": ", base::ErrnoName(error),
                                                 " (name a file that this process can read)"));
}

// Null for none.
absl::StatusOr<std::unique_ptr<NameSource>> MakeRuntimeSource(
    const std::string& endpoint, const attribute::ShownMetadata& shown) {
  if (endpoint == "none") return nullptr;
  attribute::CriOptions options{.shown = shown};
  if (endpoint == "auto") return std::make_unique<attribute::CriAutoSource>(std::move(options));
  ASSIGN_OR_RETURN(options.socket_path, attribute::ParseCriEndpoint(endpoint));
  // A socket that somebody named must be there now.
  if (const auto there = attribute::CheckCriEndpoint(options.socket_path);
      absl::IsInvalidArgument(there)) {
    return there;
  }
  return std::make_unique<attribute::CriSource>(std::move(options));
}

absl::StatusOr<std::unique_ptr<NameSource>> MakeKubeletSource(
    const AgentOptions& options, const attribute::ShownMetadata& shown) {
  RETURN_IF_ERROR(CheckReadable("--kubelet-ca", options.kubelet_ca));
  RETURN_IF_ERROR(CheckReadable("--kubelet-token-file", options.kubelet_token_file));
  if (options.kubelet_url.empty()) return nullptr;
  ASSIGN_OR_RETURN(auto url, attribute::ParseKubeletUrl(options.kubelet_url));
  return std::make_unique<attribute::KubeletSource>(
      std::move(url), attribute::KubeletOptions{.trust = {.ca_file = options.kubelet_ca,
                                                          .insecure = options.kubelet_insecure},
                                                .token_file = options.kubelet_token_file,
                                                .shown = shown});
}

}  // namespace

absl::StatusOr<std::vector<std::unique_ptr<NameSource>>> MakeNameSources(
    const AgentOptions& options) {
  attribute::ShownMetadata shown;
  ASSIGN_OR_RETURN(shown.labels, attribute::KeyList::Parse("pod-labels", options.pod_labels));
  ASSIGN_OR_RETURN(shown.annotations,
                   attribute::KeyList::Parse("pod-annotations", options.pod_annotations));
  std::vector<std::unique_ptr<NameSource>> sources;
  ASSIGN_OR_RETURN(auto runtime, MakeRuntimeSource(options.cri_endpoint, shown));
  if (runtime != nullptr) sources.push_back(std::move(runtime));
  ASSIGN_OR_RETURN(auto kubelet, MakeKubeletSource(options, shown));
  if (kubelet != nullptr) sources.push_back(std::move(kubelet));
  return sources;
}

absl::Status CheckNameSources(const AgentOptions& options) {
  return MakeNameSources(options).status();
}

std::vector<std::string> DescribeNameSources(const AgentOptions& options) {
  const auto sources = MakeNameSources(options);
  if (!sources.ok()) return {std::string(sources.status().message())};
  std::vector<std::string> lines;
  for (const auto& source : *sources) {
    if (!source->Present()) continue;
    const auto listing = source->List();
    std::string line = base::StrCat(source->name(), " ", source->where(), ": ");
    if (listing.ok()) {
      base::StrAppend(&line, "answers, ", listing->pods.size(), " pods");
    } else {
      base::StrAppend(&line, listing.status().message());
    }
    lines.push_back(std::move(line));
  }
  if (lines.empty()) {
    lines.emplace_back(
        "none: no runtime socket was found and no --kubelet-url is given; events carry pod uid and "
        "container id only");
  }
  return lines;
}

}  // namespace oomtrail::cli
