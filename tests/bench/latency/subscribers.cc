#include "tests/bench/latency/subscribers.h"

#include <utility>

#include "agent/base/status.h"
#include "agent/base/strings.h"

namespace oomtrail::bench {

absl::StatusOr<std::unique_ptr<Subscribers>> Subscribers::Start(const std::string& program,
                                                                const std::string& address,
                                                                size_t count) {
  ASSIGN_OR_RETURN(auto process, Process::Start({program, address, std::to_string(count)}));
  if (!Await({process.get()}, {}, [&] { return !process->out().empty() || process->ended(); }) ||
      process->out().empty()) {
    return absl::UnavailableError(
        base::StrCat("not every subscriber is served: ", process->LastWords()));
  }
  return std::unique_ptr<Subscribers>(new Subscribers(std::move(process), count));
}

const std::vector<uint64_t>& Subscribers::DelaysOf(pid_t pid) {
  for (; lines_ < process_->out().size(); ++lines_) {
    const auto words = base::StrSplit(process_->out()[lines_].text, ' ');
    pid_t told = 0;
    uint64_t delay_ns = 0;
    if (words.size() == 2 && base::SimpleAtoi(words[0], &told) &&
        base::SimpleAtoi(words[1], &delay_ns)) {
      delays_[told].push_back(delay_ns);
    }
  }
  return delays_[pid];
}

}  // namespace oomtrail::bench
