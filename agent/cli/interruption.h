// The end that a user gives to a client command: ctrl-C, SIGTERM, a reader of stdout that has left,
// or a time that is over. Whatever the command waits for is then over at once.
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

  // Called once at most.
  void EndAfter(std::chrono::seconds duration) const;

  bool requested() const;
  // Whether it was the time that did it.
  bool timed_out() const;
  // Readable once it is requested, and from then on.
  int fd() const { return descriptors_.raised.get(); }
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
  struct Descriptors {
    base::UniqueFd signals;
    base::UniqueFd timer;
    base::UniqueFd raised;
    base::UniqueFd stop;
  };

  Interruption(int output_fd, Descriptors descriptors);

  void Wait();
  void Raise(bool timed_out);

  const int output_fd_;
  const Descriptors descriptors_;
  mutable base::Mutex mutex_;
  bool requested_ ABSL_GUARDED_BY(mutex_) = false;
  bool timed_out_ ABSL_GUARDED_BY(mutex_) = false;
  grpc::ClientContext* call_ ABSL_GUARDED_BY(mutex_) = nullptr;
  std::thread thread_;
};

}  // namespace oomtrail::cli
