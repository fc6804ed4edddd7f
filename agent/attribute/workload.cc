#include "agent/attribute/workload.h"

#include <algorithm>

#include "agent/base/strings.h"

namespace oomtrail::attribute {
namespace {

using model::Workload;

constexpr size_t kSuffixLength = 5;

constexpr char kTemplateHash[] = "pod-template-hash";
constexpr char kJobName[] = "batch.kubernetes.io/job-name";
constexpr char kOldJobName[] = "job-name";
constexpr char kStatefulPodName[] = "statefulset.kubernetes.io/pod-name";
constexpr char kPodIndex[] = "apps.kubernetes.io/pod-index";
constexpr char kRevisionHash[] = "controller-revision-hash";
constexpr char kTemplateGeneration[] = "pod-template-generation";

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Kubernetes' own alphabet for generated names and hashes: no vowels, no look-alikes.
bool IsSafeText(std::string_view text) {
  static constexpr std::string_view kAlphabet = "bcdfghjklmnpqrstvwxz2456789";
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return kAlphabet.find(c) != std::string_view::npos;
  });
}

std::string_view Find(const Labels& labels, const char* key) {
  const auto it = labels.find(key);
  return it == labels.end() ? std::string_view() : std::string_view(it->second);
}

// `name` without "-<five generated characters>".
std::optional<std::string_view> WithoutGeneratedSuffix(std::string_view name) {
  if (name.size() < kSuffixLength + 2) return std::nullopt;
  const std::string_view suffix = name.substr(name.size() - kSuffixLength);
  name.remove_suffix(kSuffixLength);
  if (!IsSafeText(suffix) || !base::ConsumeSuffix(&name, "-")) return std::nullopt;
  return name;
}

// `name` without "-<digits>", and the digits.
struct Numbered {
  std::string_view base;
  std::string_view digits;
};
std::optional<Numbered> SplitNumber(std::string_view name) {
  size_t start = name.size();
  while (start > 0 && IsDigit(name[start - 1])) --start;
  if (start == name.size() || start < 2 || name[start - 1] != '-') return std::nullopt;
  return Numbered{name.substr(0, start - 1), name.substr(start)};
}

std::optional<Workload> Deployment(std::string_view replica_set, std::string_view hash) {
  if (hash.empty() || !base::ConsumeSuffix(&replica_set, hash) ||
      !base::ConsumeSuffix(&replica_set, "-") || replica_set.empty()) {
    return std::nullopt;
  }
  return Workload{"Deployment", std::string(replica_set), true};
}

// A CronJob names its Jobs after the minute they are for, counted since 1970: 8 digits from 1989
// to 2160.
std::optional<Workload> CronJob(std::string_view job) {
  constexpr size_t kMinuteDigits = 8;
  const auto numbered = SplitNumber(job);
  if (!numbered || numbered->digits.size() < kMinuteDigits) return std::nullopt;
  return Workload{"CronJob", std::string(numbered->base), true};
}

std::optional<Workload> FromTemplateHash(std::string_view pod_name, std::string_view hash) {
  const auto replica_set = WithoutGeneratedSuffix(pod_name);
  if (!replica_set || !IsSafeText(hash)) return std::nullopt;
  return Deployment(*replica_set, hash);
}

std::optional<Workload> FromOrdinal(std::string_view pod_name, std::string_view named,
                                    std::string_view index) {
  const auto numbered = SplitNumber(pod_name);
  if (!numbered) return std::nullopt;
  if (!named.empty() && named != pod_name) return std::nullopt;
  if (!index.empty() && index != numbered->digits) return std::nullopt;
  return Workload{"StatefulSet", std::string(numbered->base), true};
}

std::optional<Workload> FromJobName(std::string_view pod_name, std::string_view job) {
  if (!pod_name.starts_with(base::StrCat(job, "-"))) return std::nullopt;
  if (auto cron_job = CronJob(job)) return cron_job;
  return Workload{"Job", std::string(job), true};
}

}  // namespace

std::optional<Workload> WorkloadFromOwners(std::span<const OwnerReference> owners,
                                           const Labels& labels) {
  const auto owner = std::find_if(owners.begin(), owners.end(),
                                  [](const OwnerReference& o) { return o.controller; });
  if (owner == owners.end() || owner->kind.empty() || owner->name.empty()) return std::nullopt;
  std::optional<Workload> above;
  if (owner->kind == "ReplicaSet") {
    above = Deployment(owner->name, Find(labels, kTemplateHash));
  } else if (owner->kind == "Job") {
    above = CronJob(owner->name);
  }
  return above ? above : Workload{owner->kind, owner->name, false};
}

std::optional<Workload> WorkloadFromLabels(std::string_view pod_name, const Labels& labels) {
  if (const auto hash = Find(labels, kTemplateHash); !hash.empty()) {
    return FromTemplateHash(pod_name, hash);
  }
  for (const char* key : {kJobName, kOldJobName}) {
    if (const auto job = Find(labels, key); !job.empty()) return FromJobName(pod_name, job);
  }
  const auto named = Find(labels, kStatefulPodName);
  const auto index = Find(labels, kPodIndex);
  if (!named.empty() || !index.empty()) return FromOrdinal(pod_name, named, index);
  // Others revise their pods too; the generation is what only a DaemonSet writes, and the hash of
  // a StatefulSet's revision carries the set's name.
  if (IsSafeText(Find(labels, kRevisionHash)) && !Find(labels, kTemplateGeneration).empty()) {
    if (const auto base = WithoutGeneratedSuffix(pod_name)) {
      return Workload{"DaemonSet", std::string(*base), true};
    }
  }
  return std::nullopt;
}

bool TellsWorkload(std::string_view label) {
  for (const char* key : {kTemplateHash, kJobName, kOldJobName, kStatefulPodName, kPodIndex,
                          kRevisionHash, kTemplateGeneration}) {
    if (label == key) return true;
  }
  return false;
}

}  // namespace oomtrail::attribute
