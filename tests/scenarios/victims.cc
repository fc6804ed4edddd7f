#include "tests/scenarios/victims.h"

#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace oomtrail::scenarios {
namespace {

constexpr int kSetupFailed = 97;
constexpr size_t kPageBytes = 4096;

char* Map(size_t bytes, int kind) {
  void* memory =
      ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, kind | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) ::_exit(kSetupFailed);
  return static_cast<char*>(memory);
}

void Touch(char* memory, size_t bytes, size_t step) {
  for (size_t at = 0; at < bytes; at += step) static_cast<volatile char*>(memory)[at] = 'x';
}

// A thread or process started by clone needs a stack that nobody frees.
char* StackTop() {
  constexpr size_t kStackBytes = 256 << 10;
  return Map(kStackBytes, MAP_PRIVATE) + kStackBytes;
}

struct ThreadStart {
  const char* comm;
  void (*body)(void*);
  void* argument;
};

void* RunThread(void* start) {
  const auto* thread = static_cast<const ThreadStart*>(start);
  ::prctl(PR_SET_NAME, thread->comm);
  thread->body(thread->argument);
  ::_exit(0);
}

}  // namespace

void FillAnonymous(size_t bytes) { FillForAWhile(bytes); }

void* FillForAWhile(size_t bytes) {
  char* memory = Map(bytes, MAP_PRIVATE);
  ::madvise(memory, bytes, MADV_NOHUGEPAGE);
  Touch(memory, bytes, kPageBytes);
  return memory;
}

void GiveBack(void* memory, size_t bytes) { ::munmap(memory, bytes); }

void FillAnonymousFast(size_t bytes) {
  char* memory = Map(bytes, MAP_PRIVATE);
  ::madvise(memory, bytes, MADV_HUGEPAGE);
  Touch(memory, bytes, kPageBytes);
}

void FillShared(size_t bytes) { Touch(Map(bytes, MAP_SHARED), bytes, kPageBytes); }

int FillFile(size_t bytes) {
  static const char kPage[kPageBytes] = {'x'};
  const int fd = static_cast<int>(::syscall(SYS_memfd_create, "filled", 0U));
  if (fd < 0) return errno;
  for (size_t at = 0; at < bytes; at += kPageBytes) {
    if (::write(fd, kPage, kPageBytes) > 0) continue;
    const int error = errno;
    // At once: in a cgroup without room, any system call may fail.
    ::close(fd);
    return error;
  }
  return 0;
}

void WaitForever() {
  while (true) ::pause();
}

void LeaveToThread(const char* comm, void (*body)(void*), void* argument) {
  static ThreadStart start;
  start = {.comm = comm, .body = body, .argument = argument};
  pthread_t thread;
  if (::pthread_create(&thread, nullptr, &RunThread, &start) != 0) ::_exit(kSetupFailed);
  // Not pthread_exit, which would run what belongs to the runner's end.
  ::syscall(SYS_exit, 0);
  __builtin_unreachable();
}

pid_t ForkSharingMemory(int (*body)(void*), void* argument) {
  return ::clone(body, StackTop(), CLONE_VM | SIGCHLD, argument);
}

pid_t HoldAtExit(size_t bytes) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::prctl(PR_SET_NAME, "dying");
    ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    ::raise(SIGSTOP);
    // A second thread: before 5.16 only the exit of several is a group's exit to the OOM killer.
    pthread_t thread;
    const auto wait = [](void*) -> void* { WaitForever(); };
    if (::pthread_create(&thread, nullptr, wait, nullptr) != 0) ::_exit(kSetupFailed);
    FillAnonymous(bytes);
    ::_exit(0);
  }
  int status = 0;
  if (pid < 0 || ::waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status)) ::_exit(kSetupFailed);
  ::ptrace(PTRACE_SETOPTIONS, pid, nullptr, PTRACE_O_TRACEEXIT | PTRACE_O_EXITKILL);
  ::ptrace(PTRACE_CONT, pid, nullptr, nullptr);
  if (::waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status) ||
      status >> 8 != (SIGTRAP | (PTRACE_EVENT_EXIT << 8))) {
    ::_exit(kSetupFailed);
  }
  return pid;
}

}  // namespace oomtrail::scenarios
