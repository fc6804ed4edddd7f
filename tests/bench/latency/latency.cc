// The agent on this node beside the least a libbpf program can do: kills in 500 known containers,
// and what start, memory and idleness cost. Prints one row a figure (report.h), its progress on
// stderr.
//
// Times are never judged by the exit code: 0 means that every kill was seen, and by its full name.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "agent/base/status.h"
#include "agent/base/strings.h"
#include "agent/base/unique_fd.h"
#include "agent/journal/journal.h"
#include "agent/publish/journal_event.h"
#include "tests/bench/latency/crowd.h"
#include "tests/bench/latency/nursery.h"
#include "tests/bench/latency/process.h"
#include "tests/bench/latency/report.h"
#include "tests/bench/latency/subscribers.h"
#include "tests/fakes/temp_dir.h"

namespace oomtrail::bench {
namespace {

struct Options {
  std::string directory;  // of the agent's socket and journal
  std::string agent;
  std::string bare;
  std::string subscriber;
  std::string cgroup_root = "/sys/fs/cgroup";
  size_t containers = 500;
  size_t kills = 200;
  size_t starts = 7;
  size_t crowd_of_subscribers = 64;
  size_t journaled = 10'000;
  int idle_seconds = 10;
};

constexpr uint64_t kMiB = 1 << 20;
constexpr uint64_t kMedianBudgetNs = 250'000;
constexpr uint64_t kTailBudgetNs = 2'000'000;
constexpr double kPeerBudget = 3;
constexpr uint64_t kMemoryBudget = 24 * kMiB;
constexpr double kIdleBudgetPercent = 0.3;
constexpr uint64_t kStartBudgetNs = 300'000'000;

// What kills left. A consumer is measured while the other stands still: woken together on few
// CPUs, each would wait for the other.
struct Figures {
  size_t kills = 0;                // made for the agent
  size_t seen = 0;                 // by it
  size_t full = 0;                 // with all names at once
  size_t bare_kills = 0;           // made for the bare consumer
  std::vector<uint64_t> agent_ns;  // to the line read
  std::vector<uint64_t> subscriber_ns;
  std::vector<uint64_t> bare_line_ns;
  std::vector<uint64_t> bare_callback_ns;
};

std::vector<std::string> AgentWords(const Options& options, const std::string& cri_endpoint) {
  return {options.agent,
          "agent",
          "--log-format=json",
          "--node-name=bench",
          "--pin=none",
          "--journal=" + options.directory + "/journal",
          "--listen=unix://" + options.directory + "/socket",
          "--cgroup-root=" + options.cgroup_root,
          "--cri-endpoint=" + cri_endpoint};
}

const Line* Find(const std::vector<Line>& lines, std::string_view part, size_t from = 0) {
  for (size_t i = from; i < lines.size(); ++i) {
    if (base::StrContains(lines[i].text, part)) return &lines[i];
  }
  return nullptr;
}

absl::StatusOr<std::unique_ptr<Process>> StartAndAwait(const std::vector<std::string>& words,
                                                       std::string_view ready, bool on_stderr) {
  ASSIGN_OR_RETURN(auto process, Process::Start(words));
  const auto& lines = on_stderr ? process->err() : process->out();
  const bool is_ready =
      Await({process.get()}, {}, [&] { return Find(lines, ready) != nullptr || process->ended(); });
  if (!is_ready || Find(lines, ready) == nullptr) {
    return absl::UnavailableError(base::StrCat(words[0], " is not ready: ", process->LastWords()));
  }
  return process;
}

absl::StatusOr<std::unique_ptr<Process>> StartAgent(const Options& options, const Crowd& crowd) {
  return StartAndAwait(AgentWords(options, crowd.cri_endpoint()), "\"armed in ", true);
}

absl::StatusOr<std::unique_ptr<Process>> StartBare(const Options& options) {
  return StartAndAwait({options.bare}, "ready", false);
}

// "armed in 83 ms: …", the agent's own figure.
uint64_t OwnFigureNs(std::string_view line) {
  constexpr std::string_view kBefore = "armed in ";
  std::string_view rest = line.substr(line.find(kBefore) + kBefore.size());
  uint64_t millis = 0;
  base::SimpleAtoi(rest.substr(0, rest.find(' ')), &millis);
  return millis * 1'000'000;
}

absl::Status MeasureStarts(const Options& options, const Crowd& crowd) {
  std::vector<uint64_t> wall;
  std::vector<uint64_t> cpu;
  std::vector<uint64_t> own;
  std::vector<uint64_t> bare;
  std::vector<uint64_t> bare_cpu;
  for (size_t i = 0; i < options.starts; ++i) {
    ASSIGN_OR_RETURN(auto agent, StartAgent(options, crowd));
    cpu.push_back(static_cast<uint64_t>(agent->ReadCpuTime().count()));
    const Line& armed = *Find(agent->err(), "\"armed in ");
    wall.push_back(armed.read_boot_ns - agent->started_boot_ns());
    own.push_back(OwnFigureNs(armed.text));
    ASSIGN_OR_RETURN(auto peer, StartBare(options));
    bare_cpu.push_back(static_cast<uint64_t>(peer->ReadCpuTime().count()));
    bare.push_back(Find(peer->out(), "ready")->read_boot_ns - peer->started_boot_ns());
  }
  const uint64_t median = Quantile(wall, 0.5);
  Print({.what = base::StrCat("start to armed, median of ", options.starts),
         .figure = base::StrCat(Millis(median), ", CPU ", Millis(Quantile(cpu, 0.5)),
                                ", own figure ", Millis(Quantile(own, 0.5))),
         .budget = "≤ 300 ms",
         .peer = base::StrCat("bare libbpf ", Millis(Quantile(bare, 0.5)), ", CPU ",
                              Millis(Quantile(bare_cpu, 0.5))),
         .verdict = Verdict(median <= kStartBudgetNs)});
  return absl::OkStatus();
}

// The kills, one after the other, and what the consumer under measurement tells of each.
class KillRun {
 public:
  KillRun(Crowd& crowd, Nursery& nursery, Process& agent, Process& bare, Subscribers* subscribers)
      : crowd_(crowd), nursery_(nursery), agent_(agent), bare_(bare), subscribers_(subscribers) {}

  // As many kills for the agent as for the bare consumer, in turns.
  absl::StatusOr<Figures> KillMany(size_t kills) {
    constexpr size_t kTurn = 20;
    std::mt19937 random(20261121);  // the same containers in each run
    Figures figures;
    while (figures.bare_kills < kills) {
      const size_t turn = std::min(kTurn, kills - figures.bare_kills);
      bare_.Pause();
      for (size_t i = 0; i < turn; ++i) {
        RETURN_IF_ERROR(KillForAgent(random() % crowd_.size(), figures).status());
      }
      bare_.Resume();
      agent_.Pause();
      pid_t last = 0;
      for (size_t i = 0; i < turn; ++i) {
        ASSIGN_OR_RETURN(last, KillForBare(random() % crowd_.size(), figures));
      }
      agent_.Resume();
      RETURN_IF_ERROR(CatchUp(last));
    }
    return figures;
  }

  // Returns when the agent and its subscribers have told of it, or have had their time.
  absl::StatusOr<pid_t> KillForAgent(size_t container, Figures& figures) {
    const size_t from = agent_.out().size();
    ASSIGN_OR_RETURN(const pid_t pid, Kill(container));
    const Line* event = nullptr;
    std::vector<uint64_t> told;
    Await(
        Told(), {},
        [&] {
          told = DelaysOf(pid);
          event = Find(agent_.out(), InJson(pid), from);
          return event != nullptr && told.size() == Subscribed();
        },
        kPatience);
    ++figures.kills;
    figures.subscriber_ns.insert(figures.subscriber_ns.end(), told.begin(), told.end());
    if (event == nullptr) return pid;
    ++figures.seen;
    const auto json = nlohmann::json::parse(event->text, nullptr, /*allow_exceptions=*/false);
    figures.agent_ns.push_back(event->read_boot_ns - json["boot_time_ns"].get<uint64_t>());
    if (json["attribution"]["status"] == "full") ++figures.full;
    return pid;
  }

 private:
  static constexpr std::chrono::seconds kPatience{2};

  // Who tells of a kill made for the agent.
  std::vector<Process*> Told() const {
    if (subscribers_ == nullptr) return {&agent_};
    return {&agent_, &subscribers_->process()};
  }
  size_t Subscribed() const { return subscribers_ == nullptr ? 0 : subscribers_->size(); }
  std::vector<uint64_t> DelaysOf(pid_t pid) const {
    return subscribers_ == nullptr ? std::vector<uint64_t>{} : subscribers_->DelaysOf(pid);
  }

  static std::string InJson(pid_t pid) { return absl::StrFormat("\"victim\":{\"pid\":%d,", pid); }

  absl::StatusOr<pid_t> Kill(size_t container) {
    RETURN_IF_ERROR(nursery_.Breed(crowd_.DirectoryOf(container)));
    std::optional<Nursery::Death> death;
    Await({&agent_, &bare_}, {nursery_.fd()},
          [&] { return (death = nursery_.Take()).has_value(); });
    if (!death || !WIFSIGNALED(death->status) || WTERMSIG(death->status) != SIGKILL) {
      return absl::InternalError(base::StrCat("no OOM kill in ", crowd_.DirectoryOf(container),
                                              ": status ", death ? death->status : -1));
    }
    return death->pid;
  }

  absl::StatusOr<pid_t> KillForBare(size_t container, Figures& figures) {
    const size_t from = bare_.out().size();
    ASSIGN_OR_RETURN(const pid_t pid, Kill(container));
    const Line* line = nullptr;
    Await(
        {&bare_}, {},
        [&] { return (line = Find(bare_.out(), absl::StrFormat("%d ", pid), from)) != nullptr; },
        kPatience);
    ++figures.bare_kills;
    if (line == nullptr) {
      if (bare_.ended()) return absl::UnavailableError("the bare consumer has ended");
      return pid;
    }
    const auto words = base::StrSplit(line->text, ' ');
    uint64_t callback_ns = 0;
    uint64_t boot_ns = 0;
    if (words.size() == 3 && base::SimpleAtoi(words[1], &callback_ns) &&
        base::SimpleAtoi(words[2], &boot_ns)) {
      figures.bare_callback_ns.push_back(callback_ns);
      figures.bare_line_ns.push_back(line->read_boot_ns - boot_ns);
    }
    return pid;
  }

  // The agent's ring holds what happened while it stood still.
  absl::Status CatchUp(pid_t pid) {
    if (Await(
            Told(), {},
            [&] {
              return Find(agent_.out(), InJson(pid)) != nullptr &&
                     DelaysOf(pid).size() == Subscribed();
            },
            kPatience)) {
      return absl::OkStatus();
    }
    return absl::DataLossError(base::StrCat("a kill while the agent stood still is lost: ", pid));
  }

  Crowd& crowd_;
  Nursery& nursery_;
  Process& agent_;
  Process& bare_;
  Subscribers* const subscribers_;  // null: none
};

// Names come from another thread: until one is there, there is nothing to measure.
absl::Status AwaitNames(KillRun& run) {
  constexpr int kTries = 20;
  for (int i = 0; i < kTries; ++i) {
    Figures figures;
    RETURN_IF_ERROR(run.KillForAgent(0, figures).status());
    if (figures.full == 1) return absl::OkStatus();
  }
  return absl::DeadlineExceededError("the agent does not learn the names of the fake runtime");
}

// The kernel writes a line to its console right after the hook, on the victim's CPU, which does
// nothing else meanwhile. On a serial console whoever is woken there waits for all of it: the
// reader of a line as often as not, where there are two CPUs.
void PrintConsole() {
  constexpr size_t kLines = 5;
  constexpr std::string_view kLine =
      "<3>oomtrail bench: a line as long as the one that the kernel writes for a kill, to see how "
      "long its console takes for it, and nothing else is meant by it at all\n";
  const base::UniqueFd log(::open("/dev/kmsg", O_WRONLY | O_CLOEXEC));
  std::vector<uint64_t> took;
  for (size_t i = 0; i < kLines; ++i) {
    const uint64_t begun = BootNanos();
    if (::write(log.get(), kLine.data(), kLine.size()) < 0) return;
    took.push_back(BootNanos() - begun);
  }
  Print({.what = "the kernel's own line to its console, p50",
         .figure = Micros(Quantile(took, 0.5)),
         .budget = "",
         .peer = "",
         .verdict = ""});
}

void PrintLatency(const Figures& figures) {
  const auto& agent = figures.agent_ns;
  const auto& line = figures.bare_line_ns;
  const auto& callback = figures.bare_callback_ns;
  const auto bare = [&](double share) {
    return base::StrCat("bare libbpf ", Micros(Quantile(line, share)), " (callback ",
                        Micros(Quantile(callback, share)), ")");
  };
  const uint64_t median = Quantile(agent, 0.5);
  const uint64_t tail = Quantile(agent, 0.99);
  Print({.what = "kernel to JSON line read, p50",
         .figure = Micros(median),
         .budget = "",
         .peer = bare(0.5),
         .verdict = ""});
  Print({.what = "kernel to JSON line read, p99",
         .figure = Micros(tail),
         .budget = "",
         .peer = bare(0.99),
         .verdict = ""});
  // What the path itself takes: on a busy machine the rest is waiting for a CPU.
  Print({.what = "kernel to JSON line read, p10",
         .figure = Micros(Quantile(agent, 0.1)),
         .budget = "",
         .peer = bare(0.1),
         .verdict = ""});
  const auto ratio = [&](const std::vector<uint64_t>& peer) {
    return static_cast<double>(median) /
           static_cast<double>(std::max<uint64_t>(Quantile(peer, 0.5), 1));
  };
  Print({.what = "p50 as a multiple of the peer's",
         .figure = absl::StrFormat("%.2f×", ratio(line)),
         .budget = "≤ 3×",
         .peer = absl::StrFormat("its callback alone: %.2f×", ratio(callback)),
         .verdict = Verdict(ratio(line) <= kPeerBudget)});
}

// What `subscribers` saw of the kills, beside what the bare consumer's callback did.
bool PrintSubscribers(const Figures& figures, size_t subscribers) {
  const auto& delays = figures.subscriber_ns;
  const auto& line = figures.bare_line_ns;
  const uint64_t median = Quantile(delays, 0.5);
  const uint64_t tail = Quantile(delays, 0.99);
  const double ratio =
      static_cast<double>(median) / static_cast<double>(std::max<uint64_t>(Quantile(line, 0.5), 1));
  const bool alone = subscribers == 1;
  const std::string what =
      base::StrCat("kernel to ", subscribers, " gRPC subscriber", alone ? "" : "s");
  Print({.what = what + ", p50",
         .figure = Micros(median),
         .budget = alone ? "≤ 250 µs" : "",
         .peer = "bare libbpf " + Micros(Quantile(line, 0.5)),
         .verdict = alone ? Verdict(median <= kMedianBudgetNs) : ""});
  Print({.what = what + ", p50 as a multiple of the peer's",
         .figure = absl::StrFormat("%.2f×", ratio),
         .budget = alone ? "≤ 3×" : "",
         .peer = "",
         .verdict = alone ? Verdict(ratio <= kPeerBudget) : ""});
  Print({.what = what + ", p99",
         .figure = Micros(tail),
         .budget = alone ? "≤ 2 ms" : "",
         .peer = "bare libbpf " + Micros(Quantile(line, 0.99)),
         .verdict = alone ? Verdict(tail <= kTailBudgetNs) : ""});
  return delays.size() == figures.kills * subscribers;
}

bool PrintCompleteness(const Figures& figures) {
  const bool complete = figures.seen == figures.kills && figures.full == figures.kills;
  Print({.what = "kills seen, with all names at once",
         .figure = absl::StrFormat("%d of %d, %d full", figures.seen, figures.kills, figures.full),
         .budget = "all",
         .peer = absl::StrFormat("bare libbpf %d of %d", figures.bare_line_ns.size(),
                                 figures.bare_kills),
         .verdict = Verdict(complete)});
  return complete;
}

void MeasureIdle(const Options& options, Process& agent, Process& bare) {
  const auto before = agent.ReadCpuTime();
  const auto bare_before = bare.ReadCpuTime();
  const auto from = std::chrono::steady_clock::now();
  const size_t told = agent.out().size();
  Await(
      {&agent, &bare}, {}, [] { return false; }, std::chrono::seconds(options.idle_seconds));
  const auto elapsed = std::chrono::steady_clock::now() - from;
  const auto percent = [&](std::chrono::nanoseconds used) {
    return 100.0 * static_cast<double>(used.count()) / static_cast<double>(elapsed.count());
  };
  const double used = percent(agent.ReadCpuTime() - before);
  const double bare_used = percent(bare.ReadCpuTime() - bare_before);
  // Somebody else's kills on this machine, whose names the agent then asks for again and again.
  const size_t foreign = agent.out().size() - told;
  Print({.what = absl::StrFormat("CPU of a core over %d idle s", options.idle_seconds),
         .figure = absl::StrFormat("%.4f %%", used) +
                   (foreign == 0 ? "" : absl::StrFormat(", not idle: %d events", foreign)),
         .budget = "≤ 0.3 %",
         .peer = absl::StrFormat("bare libbpf %.4f %%", bare_used),
         .verdict = Verdict(used <= kIdleBudgetPercent)});
}

void PrintMemory(const Options& options, const Process& agent, const Process& bare) {
  const Memory memory = agent.ReadMemory();
  const Memory peer = bare.ReadMemory();
  Print({.what = base::StrCat("resident memory, ", options.containers, " containers, ",
                              options.journaled, " journaled, 1 subscriber"),
         .figure = base::StrCat(Mebibytes(memory.resident_bytes), ", anonymous ",
                                Mebibytes(memory.anonymous_bytes)),
         .budget = "≤ 24 MiB",
         .peer = base::StrCat("bare libbpf ", Mebibytes(peer.resident_bytes), ", anonymous ",
                              Mebibytes(peer.anonymous_bytes)),
         .verdict = Verdict(memory.resident_bytes <= kMemoryBudget)});
}

// Events of an agent before this one.
absl::Status FillJournal(const Options& options) {
  const base::SystemClock clock;
  const base::Log log(base::LogFormat::kText);
  ASSIGN_OR_RETURN(
      const auto journal,
      journal::Journal::Open({.directory = options.directory + "/journal"}, clock, log));
  for (size_t i = 0; i < options.journaled; ++i) {
    model::Event event;
    event.id = base::StrCat("before-", i);
    event.wall_ns = clock.WallNanos();
    event.victim = model::Victim{.pid = static_cast<uint32_t>(i + 1), .comm = "java"};
    event.cgroup_path = std::string(200, 'x');
    journal->Append(publish::ToEntry(event));
    if (i % 1'000 == 0) RETURN_IF_ERROR(journal->Flush());
  }
  return journal->Flush();
}

absl::StatusOr<bool> Run(const Options& options) {
  RETURN_IF_ERROR(FillJournal(options));
  ASSIGN_OR_RETURN(Nursery nursery, Nursery::Start());
  StopAtSignals();
  ASSIGN_OR_RETURN(const auto crowd, Crowd::Make(options.cgroup_root, options.containers));
  RETURN_IF_ERROR(MeasureStarts(options, *crowd));
  ASSIGN_OR_RETURN(const auto agent, StartAgent(options, *crowd));
  ASSIGN_OR_RETURN(const auto bare, StartBare(options));
  const std::string address = "unix:" + options.directory + "/socket";
  KillRun unheard(*crowd, nursery, *agent, *bare, nullptr);
  RETURN_IF_ERROR(AwaitNames(unheard));
  ASSIGN_OR_RETURN(const Figures lines, unheard.KillMany(options.kills));
  PrintConsole();
  PrintLatency(lines);
  bool complete = PrintCompleteness(lines);

  ASSIGN_OR_RETURN(const auto one, Subscribers::Start(options.subscriber, address, 1));
  KillRun run(*crowd, nursery, *agent, *bare, one.get());
  ASSIGN_OR_RETURN(const Figures figures, run.KillMany(options.kills));
  complete = PrintSubscribers(figures, 1) && complete;
  PrintMemory(options, *agent, *bare);
  MeasureIdle(options, *agent, *bare);

  ASSIGN_OR_RETURN(const auto many,
                   Subscribers::Start(options.subscriber, address, options.crowd_of_subscribers));
  KillRun crowded(*crowd, nursery, *agent, *bare, many.get());
  ASSIGN_OR_RETURN(const Figures crowded_figures, crowded.KillMany(options.kills / 2));
  return PrintSubscribers(crowded_figures, options.crowd_of_subscribers) && complete;
}

}  // namespace
}  // namespace oomtrail::bench

int main(int argc, char** argv) {
  oomtrail::bench::Options options;
  CLI::App app("oomtrail's latency, memory, idle cost and start beside a bare libbpf consumer");
  app.add_option("--agent", options.agent, "build/release/oomtrail")->required();
  app.add_option("--bare", options.bare, "the bare consumer")->required();
  app.add_option("--subscriber", options.subscriber, "the subscribers' program")->required();
  app.add_option("--cgroup-root", options.cgroup_root);
  app.add_option("--containers", options.containers)->check(CLI::PositiveNumber);
  app.add_option("--kills", options.kills)->check(CLI::PositiveNumber);
  app.add_option("--starts", options.starts)->check(CLI::PositiveNumber);
  app.add_option("--idle-seconds", options.idle_seconds)->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);
  const oomtrail::fakes::TempDir directory;
  options.directory = directory.path();
  const auto complete = oomtrail::bench::Run(options);
  if (!complete.ok()) {
    std::fprintf(stderr, "latency: %s\n", std::string(complete.status().message()).c_str());
    return 1;
  }
  return *complete ? 0 : 1;
}
