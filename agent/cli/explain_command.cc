#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "agent/base/printable.h"
#include "agent/cli/commands.h"
#include "agent/resolve/path_grammar.h"

namespace oomtrail::cli {
namespace {

using Json = nlohmann::ordered_json;

// Unlike an event, every key is always there: what is absent is null.
std::string Explain(const std::string& path) {
  const model::CgroupIdentity identity = resolve::ParseCgroupPath(path);
  const auto name = [](const auto& value) { return value ? Json(Name(*value)) : Json(); };
  Json out;
  out["path"] = base::Printable(path);
  out["level"] = Name(identity.level);
  out["container_id"] = identity.container_id ? Json(identity.container_id->str()) : Json();
  out["pod_uid"] = identity.pod_uid ? Json(identity.pod_uid->str()) : Json();
  out["qos"] = name(identity.qos);
  out["runtime"] = name(identity.runtime);
  out["driver"] = name(identity.driver);
  out["unit"] = identity.unit.empty() ? Json() : Json(base::Printable(identity.unit));
  return out.dump();
}

}  // namespace

int RunExplain(const ExplainOptions& options) {
  for (const std::string& path : options.paths) {
    if (path != "-") {
      std::cout << Explain(path) << '\n';
      continue;
    }
    for (std::string line; std::getline(std::cin, line);) {
      if (line.ends_with('\r')) line.pop_back();
      std::cout << Explain(line) << '\n';
    }
  }
  std::cout.flush();
  return std::cout ? kExitOk : kExitFailed;
}

}  // namespace oomtrail::cli
