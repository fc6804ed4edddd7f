// Which events a subscriber wants. Values; pure, thread-safe.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "agent/model/event.h"

namespace oomtrail::publish {

// Every part that is given must match, by any of its values; a filter without parts matches all. An
// event whose names are not known matches no part that asks for names.
struct EventFilter {
  std::vector<std::string> namespaces;
  std::vector<std::string> pods;  // a '*' at the end matches any rest
  std::vector<std::string> containers;
  std::vector<std::pair<std::string, std::string>> labels;  // all of them
  std::vector<std::string> workloads;                       // "Deployment/cart" or "cart"
  std::vector<model::Scope> scopes;
  std::vector<model::Kind> kinds;

  bool Matches(const model::Event& event) const;
};

struct EventSelection {
  std::vector<EventFilter> allow;  // any of them, or none is given
  std::vector<EventFilter> deny;   // none of them

  // Of losses everybody is told: they may have been anybody's events.
  bool Admits(const model::Event& event) const;
};

}  // namespace oomtrail::publish
