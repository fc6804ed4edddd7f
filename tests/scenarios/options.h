// What the runner was told to do. A value.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tests/scenarios/knowledge.h"

namespace oomtrail::scenarios {

struct Options {
  std::string agent;
  std::vector<Method> methods{std::begin(kMethods), std::end(kMethods)};
  std::vector<Method> may_lack;   // methods that this machine may refuse
  std::vector<std::string> only;  // names of scenarios; empty: all
  std::string cgroup_root = "/sys/fs/cgroup";
  std::string bpffs;    // empty: no pin scenario
  std::string results;  // empty: none
  int storm = 500;      // kills in a row
  bool together = false;
  bool node_oom = false;

  bool Wants(std::string_view scenario) const;
  bool MayLack(Method method) const;
};

// Absent where the command line is wrong or asks for help: told already.
std::optional<Options> ParseOptions(int argc, char** argv);

}  // namespace oomtrail::scenarios
