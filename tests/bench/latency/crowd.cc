#include "tests/bench/latency/crowd.h"

#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <utility>

#include "absl/strings/str_format.h"
#include "agent/base/status.h"
#include "agent/base/strings.h"

namespace oomtrail::bench {
namespace {

namespace fs = std::filesystem;
namespace v1 = ::runtime::v1;

constexpr char kPrefix[] = "oomtrail-bench-";

void RemoveTree(const fs::path& directory) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    if (entry.is_directory(error)) RemoveTree(entry.path());
  }
  ::rmdir(directory.c_str());
}

// Directories of harnesses that are no more.
void RemoveLeftOvers(const fs::path& mount) {
  std::error_code error;
  std::vector<fs::path> left;
  for (const auto& entry : fs::directory_iterator(mount, error)) {
    const std::string name = entry.path().filename().string();
    std::string_view rest = name;
    pid_t pid = 0;
    if (base::ConsumePrefix(&rest, kPrefix) && base::SimpleAtoi(rest, &pid) && pid > 0 &&
        ::kill(pid, 0) != 0) {
      left.push_back(entry.path());
    }
  }
  for (const fs::path& directory : left) RemoveTree(directory);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Crowd>> Crowd::Make(const std::string& cgroup_root, size_t size) {
  ASSIGN_OR_RETURN(auto tree, scenarios::CgroupTree::Open(cgroup_root));
  auto crowd = std::unique_ptr<Crowd>(new Crowd(std::move(tree)));
  const std::string top = base::StrCat("/", kPrefix, ::getpid());
  ASSIGN_OR_RETURN(const auto made, crowd->tree_.Make(top));
  RemoveLeftOvers(fs::path(made.directory).parent_path());
  for (size_t i = 0; i < size; ++i) RETURN_IF_ERROR(crowd->Add(top, i));
  return crowd;
}

absl::Status Crowd::Add(const std::string& top, size_t i) {
  const std::string uid = absl::StrFormat("%08x-0b1c-4d2e-8f3a-%012x", i, ::getpid());
  const std::string id = absl::StrFormat("%032x%032x", ::getpid(), i);
  ASSIGN_OR_RETURN(auto container,
                   tree_.Make(base::StrCat(top, "/kubepods/burstable/pod", uid, "/", id)));
  RETURN_IF_ERROR(tree_.Limit(container, kLimitBytes));
  containers_.push_back(std::move(container));
  Announce(uid, id, i);
  return absl::OkStatus();
}

void Crowd::Announce(const std::string& uid, const std::string& id, size_t i) {
  const std::string sandbox_id = absl::StrFormat("%032x%032x", 0x5b0c, i);
  const std::string name = absl::StrFormat("cart-7d9f8b6c5-%05x", i);
  const std::string ns = absl::StrFormat("shop-%d", i % 20);
  v1::PodSandbox sandbox;
  sandbox.set_id(sandbox_id);
  sandbox.mutable_metadata()->set_name(name);
  sandbox.mutable_metadata()->set_namespace_(ns);
  sandbox.mutable_metadata()->set_uid(uid);
  v1::Container container;
  container.set_id(id);
  container.set_pod_sandbox_id(sandbox_id);
  container.mutable_metadata()->set_name("api");
  container.mutable_image()->set_image("registry.example/shop/cart:1.42.0");
  (*container.mutable_annotations())["io.kubernetes.container.restartCount"] = "3";
  (*container.mutable_labels())["io.kubernetes.container.name"] = "api";
  for (auto* labels : {sandbox.mutable_labels(), container.mutable_labels()}) {
    (*labels)["io.kubernetes.pod.name"] = name;
    (*labels)["io.kubernetes.pod.namespace"] = ns;
    (*labels)["io.kubernetes.pod.uid"] = uid;
  }
  (*sandbox.mutable_labels())["app.kubernetes.io/name"] = "cart";
  (*sandbox.mutable_labels())["app.kubernetes.io/part-of"] = "shop";
  (*sandbox.mutable_labels())["pod-template-hash"] = "7d9f8b6c5";
  cri_.Add(sandbox);
  cri_.Add(container);
}

}  // namespace oomtrail::bench
