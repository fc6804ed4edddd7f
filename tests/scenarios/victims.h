// Ways to use memory up. Each runs in a forked child and uses nothing but system calls, so that
// what is charged to the cgroup is what is meant to be.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

namespace oomtrail::scenarios {

// More than any limit here: whoever takes this much is killed before.
inline constexpr size_t kMoreThanAnyLimit = 256 << 20;

// Anonymous memory, page by page; kept until the process ends. Small pages only: how much is
// charged at the kill is then known to a page.
void FillAnonymous(size_t bytes);

// The same, to be given back.
void* FillForAWhile(size_t bytes);
void GiveBack(void* memory, size_t bytes);

// As FillAnonymous, in huge pages where there are some: for the node's whole memory.
void FillAnonymousFast(size_t bytes);

// Shared memory that is mapped, and so counted as shmem of the process.
void FillShared(size_t bytes);

// A file in memory, written and not mapped: charged to the cgroup and to no process's RSS. Returns
// 0 with the file kept until the process ends, or the errno of the write that failed, the file
// gone.
int FillFile(size_t bytes);

// Waits until it is killed.
[[noreturn]] void WaitForever();

// Starts a thread that calls `body(argument)`, then ends the calling thread, the leader, for good:
// the process lives on without it. `comm` names the new thread.
[[noreturn]] void LeaveToThread(const char* comm, void (*body)(void*), void* argument);

// A process of its own thread group that shares this one's memory. Returns its pid.
pid_t ForkSharingMemory(int (*body)(void*), void* argument);

// Forks a child that fills `bytes` and exits, and holds it at the end of its life: it is dying, its
// memory is still charged. The caller is its tracer and must stay alive. Returns its pid.
pid_t HoldAtExit(size_t bytes);

}  // namespace oomtrail::scenarios
