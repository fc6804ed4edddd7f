#include "tests/scenarios/options.h"

#include <getopt.h>

#include <algorithm>
#include <cstdio>

#include "agent/base/strings.h"

namespace oomtrail::scenarios {
namespace {

constexpr const char* kUsage =
    "oomtrail-scenarios --agent PATH [options]: real OOM kills, and what the agent makes of them\n"
    "\n"
    "  --agent PATH        the oomtrail binary\n"
    "  --method M[,M...]   fentry, kprobe, tp_btf, tracepoint, kmsg [all]\n"
    "  --together          one agent a method, all watching the same kills [one after the other]\n"
    "  --may-lack M[,M...] methods that this machine may refuse; any other refusal is a failure\n"
    "  --only NAME[,...]   these scenarios only\n"
    "  --storm N           kills in a row [500]\n"
    "  --cgroup-root DIR   [/sys/fs/cgroup]\n"
    "  --bpffs DIR         a bpffs to pin in; without it the pin scenario is left out\n"
    "  --node-oom          the machine is a throw-away: run it out of memory as well\n"
    "  --results FILE      what was found, as JSON\n";

bool ParseMethods(std::string_view list, std::vector<Method>& methods) {
  methods.clear();
  for (const std::string_view name : base::StrSplit(list, ',')) {
    const auto method = ParseMethod(name);
    if (!method) {
      std::fprintf(stderr, "oomtrail-scenarios: no method \"%.*s\"\n",
                   static_cast<int>(name.size()), name.data());
      return false;
    }
    methods.push_back(*method);
  }
  return true;
}

}  // namespace

bool Options::Wants(std::string_view scenario) const {
  return only.empty() || std::ranges::find(only, scenario) != only.end();
}

bool Options::MayLack(Method method) const {
  return std::ranges::find(may_lack, method) != may_lack.end();
}

std::optional<Options> ParseOptions(int argc, char** argv) {
  static const option kLong[] = {{"agent", required_argument, nullptr, 'a'},
                                 {"method", required_argument, nullptr, 'm'},
                                 {"together", no_argument, nullptr, 't'},
                                 {"may-lack", required_argument, nullptr, 'l'},
                                 {"only", required_argument, nullptr, 'o'},
                                 {"storm", required_argument, nullptr, 's'},
                                 {"cgroup-root", required_argument, nullptr, 'c'},
                                 {"bpffs", required_argument, nullptr, 'b'},
                                 {"node-oom", no_argument, nullptr, 'n'},
                                 {"results", required_argument, nullptr, 'r'},
                                 {nullptr, 0, nullptr, 0}};
  Options options;
  bool ok = true;
  for (int flag; ok && (flag = ::getopt_long(argc, argv, "", kLong, nullptr)) != -1;) {
    switch (flag) {
      case 'a': options.agent = optarg; break;
      case 'm': ok = ParseMethods(optarg, options.methods); break;
      case 't': options.together = true; break;
      case 'l': ok = ParseMethods(optarg, options.may_lack); break;
      case 'o':
        for (const auto name : base::StrSplit(optarg, ',')) options.only.emplace_back(name);
        break;
      case 's': ok = base::SimpleAtoi(optarg, &options.storm) && options.storm > 0; break;
      case 'c': options.cgroup_root = optarg; break;
      case 'b': options.bpffs = optarg; break;
      case 'n': options.node_oom = true; break;
      case 'r': options.results = optarg; break;
      default: ok = false;
    }
  }
  if (ok && optind == argc && !options.agent.empty()) return options;
  std::fputs(kUsage, stderr);
  return std::nullopt;
}

}  // namespace oomtrail::scenarios
