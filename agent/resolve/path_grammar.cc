#include "agent/resolve/path_grammar.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <utility>

#include "agent/base/strings.h"

namespace oomtrail::resolve {
namespace {

using base::ConsumeSuffix;
using model::CgroupIdentity;
using model::ContainerId;
using model::Driver;
using model::Level;
using model::PodUid;
using model::Qos;
using model::Runtime;

constexpr size_t kIdDigits = 64;
constexpr std::string_view kSlice = ".slice";
constexpr std::string_view kScope = ".scope";

// The word that an engine puts before a container's id. The words of its monitors (crio-conmon,
// libpod-conmon) are absent on purpose: a monitor lives beside the container, not in it.
struct Engine {
  std::string_view word;
  Runtime runtime;
};

// "<word>-<id>.scope"; also "<slice>:<word>:<id>", the same request to systemd taken literally as a
// directory's name by a runtime that was left on the cgroupfs driver.
constexpr Engine kScopes[] = {
    {"cri-containerd", Runtime::kContainerd},
    {"crio", Runtime::kCrio},
    {"docker", Runtime::kDocker},
    {"libpod", Runtime::kPodman},
    {"nerdctl", Runtime::kContainerd},
};

// "<word>-<id>" without a suffix. libpod-payload is podman's --cgroups=split, which Quadlet sets.
constexpr Engine kDirectories[] = {
    {"crio", Runtime::kCrio},
    {"libpod", Runtime::kPodman},
    {"libpod-payload", Runtime::kPodman},
};

// Directories whose children are containers by their bare id. Under any other directory but a
// pod's, 64 hex digits are just a name: libpod_parent, for one, holds podman's pods that way.
struct Holder {
  std::string_view name;
  std::optional<Runtime> runtime;
  bool top_only;  // a word too common to mean the engine further down
};

constexpr Holder kHolders[] = {
    {"docker", Runtime::kDocker, false},
    {"k8s.io", Runtime::kContainerd, false},  // CRI pods that were given no cgroup parent
    {"default", std::nullopt, true},          // containerd's default namespace: ctr, nerdctl
    {"actions_job", std::nullopt, true},      // GitHub's hosted runners
    {"azpl_job", std::nullopt, true},         // Azure Pipelines
    {"kata_overhead", std::nullopt, true},    // a sandbox's VM; the id is the sandbox's
};

constexpr struct {
  std::string_view word;
  Qos qos;
} kQosWords[] = {{"burstable", Qos::kBurstable}, {"besteffort", Qos::kBestEffort}};

// What systemd makes a cgroup for.
constexpr std::string_view kUnitSuffixes[] = {".service", kScope,    kSlice,
                                              ".mount",   ".socket", ".swap"};

// "<word><separator><64 characters>", the word not empty.
struct WordAndId {
  std::string_view word;
  std::string_view id;
};

std::optional<WordAndId> SplitId(std::string_view name, char separator) {
  if (name.size() < kIdDigits + 2) return std::nullopt;
  const size_t at = name.size() - kIdDigits - 1;
  if (name[at] != separator) return std::nullopt;
  return WordAndId{name.substr(0, at), name.substr(at + 1)};
}

std::optional<Runtime> RuntimeOf(std::span<const Engine> engines, std::string_view word) {
  for (const Engine& engine : engines) {
    if (engine.word == word) return engine.runtime;
  }
  return std::nullopt;
}

// Reads a path's directories from the outermost in. Each that it recognises replaces what was known
// from those above, so the innermost decides; one it does not know is part of what it lies in.
class Reader {
 public:
  void Enter(std::string_view name);
  // The next directory is not the hierarchy's first.
  void LeaveTop() { top_ = false; }
  CgroupIdentity& identity() { return identity_; }

 private:
  // What the directory above is, where that decides how the next one is read.
  enum class Above { kOther, kKubepods, kQos, kPod, kHolder, kEcs, kEcsTask };

  void EnterDirectory(std::string_view name, Above above, bool top);
  void EnterKubeDirectory(std::string_view name, Above above);
  void EnterScope(std::string_view stem);
  void EnterColons(std::string_view name);
  void EnterSlice(std::string_view stem);
  void BecomeKube(Driver driver, std::optional<Qos> qos, std::optional<PodUid> uid);
  bool BecomeContainer(std::string_view id, std::optional<Runtime> runtime, Driver driver);

  CgroupIdentity identity_;
  Above above_ = Above::kOther;
  std::optional<Runtime> holder_runtime_;
  bool top_ = true;
};

void Reader::Enter(std::string_view name) {
  const Above above = std::exchange(above_, Above::kOther);
  const bool top = std::exchange(top_, false);
  if (ConsumeSuffix(&name, kSlice)) {
    EnterSlice(name);
  } else if (ConsumeSuffix(&name, kScope)) {
    EnterScope(name);
  } else {
    EnterDirectory(name, above, top);
  }
}

void Reader::EnterDirectory(std::string_view name, Above above, bool top) {
  // Under a pod's slice a name without a suffix is still part of systemd's naming.
  const Driver driver = above == Above::kPod ? *identity_.driver : Driver::kCgroupfs;
  if (above == Above::kPod || above == Above::kEcsTask) {
    if (BecomeContainer(name, std::nullopt, driver)) return;
  } else if (above == Above::kHolder) {
    if (BecomeContainer(name, holder_runtime_, driver)) return;
  }
  if (const auto named = SplitId(name, '-')) {
    const auto runtime = RuntimeOf(kDirectories, named->word);
    if (runtime && BecomeContainer(named->id, runtime, driver)) return;
  }
  // ECS: /ecs/<task>/<id> and /ecs/<cluster>/<task>/<id>.
  if (above == Above::kEcs || above == Above::kEcsTask) above_ = Above::kEcsTask;
  if (top && name == "ecs") above_ = Above::kEcs;
  for (const Holder& holder : kHolders) {
    if (name != holder.name || (holder.top_only && !top)) continue;
    above_ = Above::kHolder;
    holder_runtime_ = holder.runtime;
  }
  EnterKubeDirectory(name, above);
  EnterColons(name);
}

// The kubelet's cgroupfs driver: "kubepods", in it "burstable", "besteffort" or neither, in that
// "pod<uid>".
void Reader::EnterKubeDirectory(std::string_view name, Above above) {
  if (name == "kubepods") return BecomeKube(Driver::kCgroupfs, std::nullopt, std::nullopt);
  if (above != Above::kKubepods && above != Above::kQos) return;
  if (identity_.driver != Driver::kCgroupfs) return;
  for (const auto& [word, qos] : kQosWords) {
    if (above == Above::kKubepods && name == word) {
      return BecomeKube(Driver::kCgroupfs, qos, std::nullopt);
    }
  }
  if (!name.starts_with("pod")) return;
  if (auto uid = PodUid::Parse(name.substr(3))) {
    BecomeKube(Driver::kCgroupfs, identity_.qos, std::move(uid));
  }
}

// "<word>-<id>.scope", its suffix taken off.
void Reader::EnterScope(std::string_view stem) {
  const auto named = SplitId(stem, '-');
  if (!named) return;
  const auto runtime = RuntimeOf(kScopes, named->word);
  if (runtime) BecomeContainer(named->id, runtime, Driver::kSystemd);
}

// "[<slice>]:<word>:<id>".
void Reader::EnterColons(std::string_view name) {
  const auto named = SplitId(name, ':');
  if (!named || !ContainerId::Parse(named->id)) return;
  const size_t colon = named->word.find(':');
  if (colon == std::string_view::npos) return;
  const auto runtime = RuntimeOf(kScopes, named->word.substr(colon + 1));
  std::string_view slice = named->word.substr(0, colon);
  if (!runtime || (!slice.empty() && !ConsumeSuffix(&slice, kSlice))) return;
  EnterSlice(slice);
  BecomeContainer(named->id, runtime, Driver::kSystemd);
}

// The kubelet's systemd driver: "[<cgroup root>-]kubepods[-<qos>][-pod<uid>].slice", its suffix
// taken off. Read from the right, as the cgroup root may be any words.
void Reader::EnterSlice(std::string_view stem) {
  constexpr std::string_view kPod = "-pod";
  std::optional<PodUid> uid;
  for (const size_t digits : {size_t{36}, size_t{32}}) {
    if (stem.size() < kPod.size() + digits) continue;
    const std::string_view head = stem.substr(0, stem.size() - digits);
    if (!head.ends_with(kPod)) continue;
    uid = PodUid::Parse(stem.substr(head.size()));
    if (!uid) return;
    stem = head.substr(0, head.size() - kPod.size());
    break;
  }
  std::optional<Qos> qos;
  for (const auto& [word, value] : kQosWords) {
    if (qos || !ConsumeSuffix(&stem, word)) continue;
    if (!ConsumeSuffix(&stem, "-")) return;
    qos = value;
  }
  if (stem == "kubepods" || stem.ends_with("-kubepods")) {
    BecomeKube(Driver::kSystemd, qos, std::move(uid));
  }
}

// A directory of the kubelet's: a pod's where there is a uid, else a QoS class's, else kubepods.
void Reader::BecomeKube(Driver driver, std::optional<Qos> qos, std::optional<PodUid> uid) {
  identity_.level = uid ? Level::kPod : qos ? Level::kQos : Level::kKubepods;
  above_ = uid ? Above::kPod : qos ? Above::kQos : Above::kKubepods;
  identity_.qos = uid && !qos ? Qos::kGuaranteed : qos;
  identity_.pod_uid = std::move(uid);
  identity_.driver = driver;
  identity_.container_id.reset();
  identity_.runtime.reset();
}

// False where `id` is none. The pod stays: a container inside a pod's container is still that
// pod's.
bool Reader::BecomeContainer(std::string_view id, std::optional<Runtime> runtime, Driver driver) {
  auto container_id = ContainerId::Parse(id);
  if (!container_id) return false;
  identity_.level = Level::kContainer;
  identity_.container_id = std::move(container_id);
  identity_.runtime = runtime;
  identity_.driver = driver;
  above_ = Above::kOther;
  return true;
}

// A name that systemd itself would accept for a unit.
bool IsUnit(std::string_view name) {
  constexpr size_t kMaxUnitBytes = 255;
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == ':' || c == '\\' || c == '@';
  };
  const auto has_suffix = [&](std::string_view suffix) {
    return name.size() > suffix.size() && name.ends_with(suffix);
  };
  return name.size() <= kMaxUnitBytes && std::ranges::any_of(kUnitSuffixes, has_suffix) &&
         std::ranges::all_of(name, allowed);
}

std::string_view NearestUnit(std::string_view path) {
  while (!path.empty()) {
    const size_t slash = path.rfind('/');
    const std::string_view name = path.substr(slash == std::string_view::npos ? 0 : slash + 1);
    if (IsUnit(name)) return name;
    path = path.substr(0, slash == std::string_view::npos ? 0 : slash);
  }
  return {};
}

}  // namespace

CgroupIdentity ParseCgroupPath(std::string_view path) {
  if (path.size() > kMaxPathBytes) return {};
  if (path.find('\n') != path.npos || path.find('\0') != path.npos) return {};
  Reader reader;
  bool named = false;
  for (size_t at = 0; at < path.size();) {
    const size_t end = std::min(path.find('/', at), path.size());
    const std::string_view name = path.substr(at, end - at);
    at = end + 1;
    if (name.empty()) continue;
    if (name == "." || (name == ".." && named)) return {};
    if (name == "..") {
      reader.LeaveTop();
      continue;
    }
    named = true;
    reader.Enter(name);
  }
  CgroupIdentity& identity = reader.identity();
  if (identity.level == Level::kHost) identity.unit = NearestUnit(path);
  return std::move(identity);
}

}  // namespace oomtrail::resolve
