#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>

#include "agent/attribute/daemon_set.h"
#include "agent/base/status.h"
#include "agent/base/strings.h"
#include "agent/cli/client_session.h"
#include "agent/cli/commands.h"
#include "agent/cli/time_argument.h"
#include "agent/journal/store.h"
#include "agent/kernel/pins.h"

namespace oomtrail::cli {
namespace {

int Fail(const absl::Status& status) {
  Say(std::string_view(status.message().data(), status.message().size()));
  return absl::IsInvalidArgument(status) ? kExitUsage : kExitFailed;
}

absl::Status RemoveSocket(std::string_view address) {
  if (!base::ConsumePrefix(&address, "unix://") || !address.starts_with('/')) {
    return absl::InvalidArgumentError(
        base::StrCat("--listen ", address, ": only unix:///path leaves something behind"));
  }
  const std::string path(address);
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0) return absl::OkStatus();
  if (!S_ISSOCK(found.st_mode)) {
    return absl::InvalidArgumentError(base::StrCat("--listen ", path, " is not a socket"));
  }
  if (::unlink(path.c_str()) != 0) return base::ErrnoStatus(errno, base::StrCat("remove ", path));
  Say(base::StrCat("removed the socket ", path));
  return absl::OkStatus();
}

absl::Status Clean(const CleanupOptions& options) {
  if (!options.pin_dir.empty()) {
    ASSIGN_OR_RETURN(const size_t pins, kernel::RemovePins(options.pin_dir));
    if (pins != 0) Say(base::StrCat("removed ", pins, " pins in ", options.pin_dir));
  }
  if (!options.listen.empty()) RETURN_IF_ERROR(RemoveSocket(options.listen));
  if (!options.journal_dir.empty()) {
    RETURN_IF_ERROR(journal::RemoveJournal(options.journal_dir));
    Say(base::StrCat("removed the journal in ", options.journal_dir));
  }
  return absl::OkStatus();
}

// SIGINT and SIGTERM, blocked: whoever waits asks for them.
sigset_t BlockEndSignals() {
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGINT);
  ::sigaddset(&signals, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

std::string_view Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

int AwaitDaemonSet(const CleanupOptions& options) {
  const auto timeout = ParseTimeoutSeconds(options.timeout);
  if (!timeout.ok()) return Fail(base::Annotate(timeout.status(), "--timeout"));
  const auto question = attribute::AskFor(options.await, Variable("KUBERNETES_SERVICE_HOST"),
                                          Variable("KUBERNETES_SERVICE_PORT"), options.account_dir);
  if (!question.ok()) return Fail(base::Annotate(question.status(), "--await"));
  const sigset_t signals = BlockEndSignals();
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(*timeout);
  std::optional<attribute::DaemonSetState> seen;
  while (true) {
    // The account's rights may be younger than this process, and the API server may be restarting:
    // any refusal is asked again.
    const auto state = attribute::AskDaemonSet(*question);
    if (state.ok() && state->observed) {
      seen = *state;
      if (seen->ready >= seen->wanted) {
        Say(base::StrCat("done on ", seen->ready, " of ", seen->wanted, " nodes"));
        return kExitOk;
      }
    }
    if (std::chrono::steady_clock::now() >= end) {
      if (!state.ok() && !seen) return Fail(state.status());
      break;
    }
    const timespec pause{.tv_sec = 1, .tv_nsec = 0};
    if (::sigtimedwait(&signals, nullptr, &pause) > 0) return kExitFailed;
  }
  // No failure: a node that is away must not keep the others from being let go.
  Say(base::StrCat("done on ", seen ? seen->ready : 0, " of ", seen ? seen->wanted : 0,
                   " nodes within ", options.timeout,
                   "; the others keep their pins until they boot (oomtrail cleanup removes them)"));
  return kExitOk;
}

}  // namespace

int RunCleanup(const CleanupOptions& options) {
  if (!options.await.empty()) return AwaitDaemonSet(options);
  const sigset_t signals = BlockEndSignals();
  if (const auto status = Clean(options); !status.ok()) return Fail(status);
  if (!options.stay) return kExitOk;
  Say("nothing is left here; staying until SIGTERM");
  int signal = 0;
  ::sigwait(&signals, &signal);
  return kExitOk;
}

}  // namespace oomtrail::cli
