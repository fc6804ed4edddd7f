// A process that allocates exactly so much, when told to, and then waits to be looked at.
//
// Kernel memory: a System V message of kMessageBytes takes one kmalloc of one page, receiving it
// frees it, and neither allocates anything else.
#pragma once

#include <signal.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <functional>
#include <string>

namespace oomtrail::kernel {

constexpr uint64_t kObjectBytes = 4096;
constexpr size_t kMessageBytes = kObjectBytes - 48;  // struct msg_msg before it

// Its own queue, gone with it. A queue takes kHeld of these messages.
class MessageQueue {
 public:
  static constexpr int kHeld = 4;
  MessageQueue() : id_(::msgget(IPC_PRIVATE, 0600)) {}
  ~MessageQueue() { ::msgctl(id_, IPC_RMID, nullptr); }
  MessageQueue(const MessageQueue&) = delete;
  MessageQueue& operator=(const MessageQueue&) = delete;

  bool Send() { return ::msgsnd(id_, &message_, kMessageBytes, IPC_NOWAIT) == 0; }
  bool Receive() { return ::msgrcv(id_, &message_, kMessageBytes, 0, IPC_NOWAIT) > 0; }

 private:
  int id_;
  struct {
    long type = 1;
    char text[kMessageBytes] = {};
  } message_;
};

// Sent and received: allocated, and freed.
inline void PassMessages(uint64_t count) {
  MessageQueue queue;
  for (uint64_t i = 0; i < count; ++i) {
    if (!queue.Send() || !queue.Receive()) ::_exit(2);
  }
}

// Small pages, so that it grows by one at a time.
inline void TouchMemory(size_t bytes) {
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) ::_exit(3);
  ::madvise(memory, bytes, MADV_NOHUGEPAGE);
  for (size_t at = 0; at < bytes; at += 4096) static_cast<volatile char*>(memory)[at] = 1;
}

class AllocatingChild {
 public:
  explicit AllocatingChild(const std::function<void()>& body, const char* comm = "allocating") {
    int go[2];
    int done[2];
    if (::pipe(go) != 0 || ::pipe(done) != 0) ::abort();
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::prctl(PR_SET_NAME, comm);
      ::close(go[1]);
      ::close(done[0]);
      char word = 'r';
      if (::write(done[1], &word, 1) != 1) ::_exit(1);
      while (::read(go[0], &word, 1) == 1) {
        body();
        if (::write(done[1], "d", 1) != 1) break;
      }
      ::_exit(0);
    }
    ::close(go[0]);
    ::close(done[1]);
    go_ = go[1];
    done_ = done[0];
    AwaitWord();  // it stands ready
  }
  ~AllocatingChild() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    ::close(go_);
    ::close(done_);
  }
  AllocatingChild(const AllocatingChild&) = delete;
  AllocatingChild& operator=(const AllocatingChild&) = delete;

  uint32_t pid() const { return static_cast<uint32_t>(pid_); }
  // Once; it lives on. False where it could not.
  bool Allocate() { return ::write(go_, "g", 1) == 1 && AwaitWord(); }

 private:
  bool AwaitWord() const {
    char word = 0;
    return ::read(done_, &word, 1) == 1;
  }

  pid_t pid_ = -1;
  int go_ = -1;
  int done_ = -1;
};

}  // namespace oomtrail::kernel
