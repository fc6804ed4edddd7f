#include "agent/forecast/lookout.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <thread>
#include <utility>

#include "agent/base/file.h"
#include "agent/base/mutex.h"
#include "agent/base/status.h"
#include "agent/base/strings.h"
#include "agent/base/unique_fd.h"
#include "agent/forecast/cgroup_files_reader.h"
#include "agent/forecast/near_files.h"
#include "agent/forecast/pressure.h"
#include "agent/forecast/usage_reader.h"
#include "agent/forecast/warning_ledger.h"
#include "agent/forecast/watchkeeper.h"

namespace oomtrail::forecast {
namespace {

constexpr uint64_t kPeriodNs = 1'000'000'000;
// However many triggers fire.
constexpr uint64_t kMinPauseNs = kPeriodNs / 10;

// Three files each; a sixteenth leaves the rest of the process what it needs.
size_t MaxNear() {
  constexpr size_t kMost = 256;
  constexpr size_t kPart = 16;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  return std::min<size_t>(limit.rlim_cur / kPart, kMost);
}

int MillisUntil(uint64_t now_ns, uint64_t then_ns) {
  constexpr uint64_t kMillisecond = 1'000'000;
  return static_cast<int>((then_ns - now_ns + kMillisecond - 1) / kMillisecond);
}

}  // namespace

class Lookout::Worker {
 public:
  Worker(LookoutOptions options, const base::Clock& clock, const base::Log& log,
         std::function<void()> wake)
      : options_(std::move(options)),
        clock_(clock),
        log_(log),
        wake_(std::move(wake)),
        near_files_(options_.mount),
        pressure_(options_.mount, options_.proc_root),
        keeper_(options_.rule, ledger_, MaxNear()) {}
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker() {
    if (!thread_.joinable()) return;
    {
      const base::MutexLock lock(inbox_mutex_);
      stopping_ = true;
    }
    ::eventfd_write(event_.get(), 1);
    thread_.join();
  }

  absl::Status Start() {
    if (!event_.ok()) return base::ErrnoStatus(errno, "make an eventfd for the lookout");
    OpenReader();
    // A thread inherits the signal mask: the process's signals are main's to handle.
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    absl::Status started;
    try {
      thread_ = std::thread([this] { Run(); });
    } catch (const std::system_error& error) {
      started = base::ErrnoStatus(error.code().value(), "start the lookout's thread");
    }
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return started;
  }

  void SetCgroups(std::vector<WatchedCgroup> cgroups) {
    const base::MutexLock lock(inbox_mutex_);
    cgroups_ = std::move(cgroups);
  }
  void SetRules(WarnRules rules) {
    const base::MutexLock lock(inbox_mutex_);
    rules_ = std::move(rules);
  }

  WarningLedger& ledger() { return ledger_; }

  std::vector<CgroupTrend> Trends() const {
    const base::MutexLock lock(keeper_mutex_);
    return keeper_.Trends();
  }

  LookoutState State() const {
    LookoutState state;
    {
      const base::MutexLock lock(keeper_mutex_);
      state = state_;
      state.targets = keeper_.targets();
      state.left_out = keeper_.left_out();
    }
    state.standing = ledger_.standing();
    state.dropped_notices = ledger_.dropped();
    return state;
  }

 private:
  void OpenReader() {
    auto iterator = OpenIteratorReader(options_.features, options_.mount);
    if (iterator.ok()) {
      reader_ = *std::move(iterator);
      const base::MutexLock lock(keeper_mutex_);
      state_.reader = reader_->name();
      return;
    }
    UseFiles(iterator.status());
  }

  void UseFiles(const absl::Status& refused) {
    reader_ = std::make_unique<CgroupFilesReader>(options_.mount);
    const base::MutexLock lock(keeper_mutex_);
    state_.reader = reader_->name();
    state_.reader_reason = std::string(refused.message());
  }

  void Run() {
    uint64_t next_ns = clock_.BootNanos();
    while (Wait(next_ns)) {
      const uint64_t began = clock_.BootNanos();
      TakeInbox(began);
      Pass(began);
      const uint64_t ended = clock_.BootNanos();
      if (ledger_.Settle(ended)) wake_();
      const base::MutexLock lock(keeper_mutex_);
      ++state_.passes;
      state_.last_pass_ns = ended - began;
      if (began >= next_ns) next_ns = began + kPeriodNs;
    }
  }

  // Until the next pass is due or a stall asks for one. False when it is time to stop.
  bool Wait(uint64_t next_ns) {
    const uint64_t earliest_ns = clock_.BootNanos() + kMinPauseNs;
    while (true) {
      {
        const base::MutexLock lock(inbox_mutex_);
        if (stopping_) return false;
      }
      const uint64_t now = clock_.BootNanos();
      if (now >= next_ns) return true;
      // Stalls are looked at no sooner than the pause allows, so that they keep nobody busy.
      if (now < earliest_ns) {
        pollfd event{.fd = event_.get(), .events = POLLIN, .revents = 0};
        ::poll(&event, 1, MillisUntil(now, std::min(next_ns, earliest_ns)));
      } else if (Hasten(pressure_.Wait(event_.get(), MillisUntil(now, next_ns)))) {
        return true;
      }
    }
  }

  bool Hasten(const std::vector<model::CgroupId>& stalled) {
    const base::MutexLock lock(keeper_mutex_);
    for (const model::CgroupId id : stalled) keeper_.Hasten(id);
    return !stalled.empty();
  }

  void TakeInbox(uint64_t now) {
    std::optional<std::vector<WatchedCgroup>> cgroups;
    std::optional<WarnRules> rules;
    {
      const base::MutexLock lock(inbox_mutex_);
      cgroups = std::exchange(cgroups_, std::nullopt);
      rules = std::exchange(rules_, std::nullopt);
    }
    const std::vector<KillSeen> kills = ledger_.TakeKills();
    std::vector<model::CgroupId> gone;
    {
      const base::MutexLock lock(keeper_mutex_);
      // Before the cgroups: those of a kill may be gone with it.
      for (const KillSeen& kill : kills) keeper_.OnKill(kill);
      if (rules) keeper_.SetRules(*std::move(rules));
      if (cgroups) gone = keeper_.SetCgroups(now, *std::move(cgroups));
    }
    for (const model::CgroupId id : gone) reader_->Forget(id);
  }

  // The lock is held while it is judged, never while a file is read. What the questions point to
  // is the keeper's, and only this thread changes it.
  void Pass(uint64_t now) {
    {
      const base::MutexLock lock(keeper_mutex_);
      keeper_.Due(now, usage_questions_);
    }
    ReadUsage(now);
    {
      const base::MutexLock lock(keeper_mutex_);
      keeper_.Near(now, usages_, near_questions_);
    }
    near_files_.Read(near_questions_, near_readings_);
    pressure_.Watch(near_questions_);
    for (size_t i = 0; i < near_questions_.size(); ++i) {
      near_readings_[i].stalled_share = pressure_.StalledShare(near_questions_[i].id);
    }
    const NodeReading node = ReadNode();
    const base::MutexLock lock(keeper_mutex_);
    keeper_.Judge(now, near_readings_, node);
    state_.pressure = node.stalled_share.has_value();
  }

  void ReadUsage(uint64_t now) {
    const absl::Status status = reader_->Read(now, usage_questions_, usages_);
    if (status.ok()) return;
    log_.Warn(base::StrCat("memory usage is read from files from now on: ", status.message()));
    UseFiles(status);
    static_cast<void>(reader_->Read(now, usage_questions_, usages_));  // files fail one by one
  }

  NodeReading ReadNode() {
    constexpr size_t kMaxBytes = 64UL * 1024;
    NodeReading node;
    const auto text = base::ReadFile(options_.proc_root + "/meminfo", kMaxBytes);
    if (text.ok()) node.usage = ParseMeminfo(*text);
    node.stalled_share = pressure_.NodeStalledShare();
    return node;
  }

  const LookoutOptions options_;
  const base::Clock& clock_;
  const base::Log& log_;
  const std::function<void()> wake_;
  const base::UniqueFd event_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  WarningLedger ledger_;

  base::Mutex inbox_mutex_;
  bool stopping_ ABSL_GUARDED_BY(inbox_mutex_) = false;
  std::optional<std::vector<WatchedCgroup>> cgroups_ ABSL_GUARDED_BY(inbox_mutex_);
  std::optional<WarnRules> rules_ ABSL_GUARDED_BY(inbox_mutex_);

  // The thread's own.
  std::unique_ptr<UsageReader> reader_;
  NearFiles near_files_;
  PressureWatch pressure_;
  std::vector<UsageQuestion> usage_questions_;
  std::vector<std::optional<Usage>> usages_;
  std::vector<NearQuestion> near_questions_;
  std::vector<NearReading> near_readings_;

  mutable base::Mutex keeper_mutex_;
  Watchkeeper keeper_ ABSL_GUARDED_BY(keeper_mutex_);
  LookoutState state_ ABSL_GUARDED_BY(keeper_mutex_);

  std::thread thread_;
};

absl::StatusOr<std::unique_ptr<Lookout>> Lookout::Start(LookoutOptions options,
                                                        const base::Clock& clock,
                                                        const base::Log& log,
                                                        std::function<void()> wake) {
  auto worker = std::make_unique<Worker>(std::move(options), clock, log, std::move(wake));
  RETURN_IF_ERROR(worker->Start());
  return std::unique_ptr<Lookout>(new Lookout(std::move(worker)));
}

Lookout::Lookout(std::unique_ptr<Worker> worker) : worker_(std::move(worker)) {}

Lookout::~Lookout() = default;

void Lookout::SetCgroups(std::vector<WatchedCgroup> cgroups) {
  worker_->SetCgroups(std::move(cgroups));
}

void Lookout::SetRules(WarnRules rules) { worker_->SetRules(std::move(rules)); }

std::vector<Notice> Lookout::TakeNotices() { return worker_->ledger().TakeNotices(); }

model::Warned Lookout::OnKill(model::CgroupId victim_cgroup, const std::string& victim_path,
                              std::optional<model::CgroupId> limit_owner, uint64_t boot_ns) {
  return worker_->ledger().OnKill({.victim = victim_cgroup,
                                   .victim_path = victim_path,
                                   .limit_owner = limit_owner,
                                   .boot_ns = boot_ns,
                                   .ended = {}});
}

std::vector<CgroupTrend> Lookout::Trends() const { return worker_->Trends(); }

LookoutState Lookout::state() const { return worker_->State(); }

}  // namespace oomtrail::forecast
