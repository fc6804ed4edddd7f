// The flags of watch, list, status and top, and what they mean once they have been read.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/cli/options.h"

namespace oomtrail::cli {

// As they were given. Each command has its own, because a variable in the environment sets the flag
// of all of them.
struct RawClientFlags {
  ClientOptions options;
  std::string output = "compact";
  std::string color = "auto";

  std::vector<std::string> namespaces;
  bool all_namespaces = false;
  std::vector<std::string> pods;
  std::vector<std::string> containers;
  std::vector<std::string> labels;
  std::vector<std::string> workloads;
  std::vector<std::string> scopes;
  std::vector<std::string> kinds;
  std::vector<std::string> excludes;

  std::string since;
  uint32_t last = 0;
  std::string cursor;
  bool follow = false;
  bool reconnect = false;
  uint32_t stop_after = 0;
  std::string timeout;

  std::string sort = "limit";
  std::string interval = "2s";
  bool once = false;
  bool track = false;
};

void AddWatchFlags(CLI::App& app, RawClientFlags& raw);
void AddListFlags(CLI::App& app, RawClientFlags& raw);
void AddStatusFlags(CLI::App& app, RawClientFlags& raw);
void AddTopFlags(CLI::App& app, RawClientFlags& raw);

ClientOptions FinishClient(const RawClientFlags& raw);
absl::StatusOr<TopOptions> FinishTop(const RawClientFlags& raw);
// INVALID_ARGUMENT, in one line, where flags cannot be meant so.
absl::StatusOr<EventOptions> FinishEvents(const RawClientFlags& raw, int64_t now_wall_ns);

}  // namespace oomtrail::cli
