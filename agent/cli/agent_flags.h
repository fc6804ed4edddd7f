// The flags of the agent and of the commands that open a node as it does, and what they mean once
// they have been read.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "agent/cli/options.h"

namespace oomtrail::cli {

inline constexpr const char* kDefaultPinDir = "/sys/fs/bpf/oomtrail";
inline constexpr const char* kDefaultListen = "unix:///run/oomtrail/oomtrail.sock";

// As they were given; `options` is complete when the texts beside it have been read. Each command
// has its own, because a variable in the environment sets the flag of all of them.
struct RawFlags {
  AgentOptions options;
  std::string hook_method = "auto";
  std::string pin;
  std::string log_format = "text";
  std::string journal;
  std::string warn = "on";
  std::string track = "off";
  std::string track_rate = "adaptive";
};

void AddLogFormat(CLI::App& app, RawFlags& raw);
void AddNodeFlags(CLI::App& app, RawFlags& raw);
void AddSourceFlags(CLI::App& app, RawFlags& raw);
void AddPin(CLI::App& app, RawFlags& raw);
void AddJournalFlags(CLI::App& app, RawFlags& raw);
void AddServingFlags(CLI::App& app, RawFlags& raw);
void AddWarnFlags(CLI::App& app, RawFlags& raw);
void AddTrackFlags(CLI::App& app, RawFlags& raw);

AgentOptions Finish(const RawFlags& raw);

}  // namespace oomtrail::cli
