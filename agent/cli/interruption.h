// The end that a user gives to a client command: ctrl-C, SIGTERM, or a reader of stdout that has
// left. Whatever the command waits for is then over at once.
//
// Made before any thread, for it blocks the signals; owned by the command. Thread-safe.
#pragma once

#include <grpcpp/client_context.h>

#include <chrono>
#include <memory>
#include <thread>

#include "absl/status/statusor.h"
#include "agent/base/mutex.h"
#include "agent/base/unique_fd.h"

namespace oomtrail::cli {

class Interruption {
 public:
  // `output_fd` is the one whose reader may leave.
  static absl::StatusOr<std::unique_ptr<Interruption>> Create(int output_fd);
  ~Interruption();
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;

  bool requested() const;
  // Readable once it is requested, and from then on.
  int fd() const { return raised_.get(); }
  // False where the wait was cut short.
  bool WaitFor(std::chrono::milliseconds duration) const;

  // A call that is cancelled when the user has had enough. One at a time.
  class Call {
   public:
    Call(Interruption& owner, grpc::ClientContext& context);
    ~Call();
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

   private:
    Interruption& owner_;
  };

 private:
  Interruption(int output_fd, base::UniqueFd signals, base::UniqueFd raised, base::UniqueFd stop);

  void Wait();
  void Raise();

  const int output_fd_;
  const base::UniqueFd signals_;
  const base::UniqueFd raised_;
  const base::UniqueFd stop_;
  mutable base::Mutex mutex_;
  bool requested_ ABSL_GUARDED_BY(mutex_) = false;
  grpc::ClientContext* call_ ABSL_GUARDED_BY(mutex_) = nullptr;
  std::thread thread_;
};

}  // namespace oomtrail::cli
