// The container runtime wherever it listens, now or later: for --cri-endpoint auto.
//
// Looks for the usual sockets each time it is asked, until one of them lists pods; that one is the
// node's runtime, and is asked from then on, however often it goes away and comes back. Several
// may be there: beside Docker's own containerd, whose CRI is switched off, listens cri-dockerd.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "agent/attribute/cri_source.h"
#include "agent/attribute/name_source.h"
#include "agent/base/mutex.h"

namespace oomtrail::attribute {

class CriAutoSource final : public NameSource {
 public:
  // `options` without a path; `root` as for DetectCriEndpoints().
  explicit CriAutoSource(CriOptions options, std::string root = "");

  std::string_view name() const override { return "cri"; }
  std::string_view where() const override { return where_; }
  RefreshPacing pacing() const override { return kRuntimePacing; }
  bool Present() override;
  absl::StatusOr<Listing> List() override;
  void Cancel() override;

 private:
  // Makes current_ the source of that socket. Null once cancelled.
  CriSource* Use(const std::string& socket_path);

  const CriOptions options_;
  const std::string root_;
  std::string where_;
  std::string socket_path_;  // of current_
  bool seen_ = false;        // a socket, ever
  bool settled_ = false;     // current_ is the node's runtime

  base::Mutex mutex_;  // current_ is replaced by the thread of List() alone
  std::unique_ptr<CriSource> current_;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace oomtrail::attribute
