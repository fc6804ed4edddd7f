// A kubelet for the agent to ask (kubelet.py), which behaves as it is told to.
//
// Owned and called by the test's one thread.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tests/host/containerd/node.h"
#include "tests/host/containerd/program.h"
#include "tests/scenarios/watch.h"

namespace oomtrail::containerd {

class Kubelet {
 public:
  // `directory` holds kubelet.py's certificate and two authorities, of which one signed it.
  static absl::StatusOr<std::unique_ptr<Kubelet>> Start(Watch& watch, const std::string& script,
                                                        const std::string& directory);

  // The agent's flags.
  std::vector<std::string> Flags() const;
  const std::string& url() const { return url_; }

  // How it answers from now on; see kubelet.py.
  absl::Status Behave(const std::string& mode) const;
  // The pods it tells of from now on.
  absl::Status Serve(const Node& node) const;
  // Whether the agent's files hold what this kubelet takes.
  absl::Status Trust(bool right) const;
  absl::Status Authorize(bool right) const;

  // Until it has answered so often this way: "ok 200".
  absl::Status AwaitAnswers(const std::string& answer, size_t count);
  size_t Answers(const std::string& answer) const;

 private:
  Kubelet(Watch& watch, std::string directory) : watch_(watch), directory_(std::move(directory)) {}

  Watch& watch_;
  const std::string directory_;
  std::string url_;
  std::map<std::string, size_t> answers_;
  std::string errors_;
  std::unique_ptr<Program> program_;
};

}  // namespace oomtrail::containerd
