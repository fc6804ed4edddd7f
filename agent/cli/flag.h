// A flag and its variable in the environment: --node-name is OOMTRAIL_NODE_NAME.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_replace.h"

namespace oomtrail::cli {

inline std::string EnvironmentName(const std::string& flag) {
  return "OOMTRAIL_" + absl::AsciiStrToUpper(absl::StrReplaceAll(flag, {{"-", "_"}}));
}

// `letter` is a short name, "-n", or empty.
template <typename T>
CLI::Option* Flag(CLI::App& app, const std::string& name, T& value, const std::string& help,
                  const std::string& letter = "") {
  const std::string names = (letter.empty() ? "" : letter + ",") + "--" + name;
  return app.add_option(names, value, help)->envname(EnvironmentName(name));
}

inline CLI::Option* Switch(CLI::App& app, const std::string& name, bool& value,
                           const std::string& help, const std::string& letter = "") {
  const std::string names = (letter.empty() ? "" : letter + ",") + "--" + name;
  return app.add_flag(names, value, help)->envname(EnvironmentName(name));
}

}  // namespace oomtrail::cli
