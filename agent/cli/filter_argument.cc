#include "agent/cli/filter_argument.h"

#include <algorithm>
#include <optional>

#include "agent/base/status.h"
#include "agent/base/strings.h"

namespace oomtrail::cli {
namespace {

using publish::EventFilter;

// The API's own bound, said before it is asked.
constexpr size_t kMaxValues = 64;

constexpr model::Scope kScopes[] = {model::Scope::kContainer, model::Scope::kPod,
                                    model::Scope::kAncestor,  model::Scope::kNode,
                                    model::Scope::kCpuset,    model::Scope::kMempolicy,
                                    model::Scope::kManual,    model::Scope::kHost};
constexpr model::Kind kKinds[] = {model::Kind::kOomKill, model::Kind::kOomWithoutKill,
                                  model::Kind::kEarlyWarning, model::Kind::kLost};

absl::Status Wrong(std::string_view part, std::string_view value, std::string_view why) {
  return absl::InvalidArgumentError(base::StrCat(part, " '", value, "': ", why));
}

template <typename Value, size_t N>
absl::Status AddNamed(std::string_view part, std::string_view word, const Value (&all)[N],
                      std::vector<Value>& out) {
  std::string names;
  for (const Value value : all) {
    if (Name(value) == word) {
      out.push_back(value);
      return absl::OkStatus();
    }
    base::StrAppend(&names, names.empty() ? "" : ", ", Name(value));
  }
  return Wrong(part, word, base::StrCat("not one of ", names));
}

absl::Status AddLabel(std::string_view value, EventFilter& filter) {
  const size_t equals = value.find('=');
  if (equals == 0 || equals == std::string_view::npos) {
    return Wrong("label", value, "a label is KEY=VALUE");
  }
  std::string key(value.substr(0, equals));
  std::string wanted(value.substr(equals + 1));
  for (const auto& [known, other] : filter.labels) {
    if (known == key && other != wanted) {
      return Wrong("label", value, "no pod has two values of one label");
    }
  }
  filter.labels.emplace_back(std::move(key), std::move(wanted));
  return absl::OkStatus();
}

}  // namespace

absl::Status AddToFilter(std::string_view part, std::string_view value, EventFilter& filter) {
  if (value.empty()) return Wrong(part, value, "empty");
  if (part == "label") return AddLabel(value, filter);
  if (part == "scope") return AddNamed(part, value, kScopes, filter.scopes);
  if (part == "kind") return AddNamed(part, value, kKinds, filter.kinds);
  if (part == "pod") {
    if (base::StrContains(base::StripSuffix(value, "*"), "*")) {
      return Wrong(part, value, "a * can stand at the end only");
    }
    filter.pods.emplace_back(value);
  } else if (part == "namespace") {
    filter.namespaces.emplace_back(value);
  } else if (part == "container") {
    filter.containers.emplace_back(value);
  } else if (part == "workload") {
    filter.workloads.emplace_back(value);
  } else {
    return Wrong("part of a filter", part,
                 "not one of namespace, pod, container, label, workload, scope, kind");
  }
  return absl::OkStatus();
}

absl::Status AddToFilter(std::string_view part, const std::vector<std::string>& values,
                         EventFilter& filter) {
  if (values.size() > kMaxValues) {
    return absl::InvalidArgumentError(base::StrCat(part, ": at most ", kMaxValues, " values"));
  }
  for (const std::string& value : values) RETURN_IF_ERROR(AddToFilter(part, value, filter));
  return absl::OkStatus();
}

absl::StatusOr<EventFilter> ParseExclude(std::string_view text) {
  EventFilter filter;
  const auto parts = base::StrSplit(text, ',');
  if (parts.size() > kMaxValues) return Wrong("--exclude", text, "too many parts");
  for (const std::string_view part : parts) {
    const size_t equals = part.find('=');
    if (equals == std::string_view::npos) {
      return Wrong("--exclude", text,
                   "its parts are namespace=shop, pod=debug-*, label=app=cart, …");
    }
    RETURN_IF_ERROR(base::Annotate(
        AddToFilter(part.substr(0, equals), part.substr(equals + 1), filter), "--exclude"));
  }
  return filter;
}

}  // namespace oomtrail::cli
