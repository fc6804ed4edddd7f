// The bare libbpf consumer: a ring, a callback, a line "<pid> <latency_ns> <boot_ns>" a kill.
#include <bpf/libbpf.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <ctime>

#include "bare.skel.h"
#include "tests/bench/latency/bare.h"

namespace {

uint64_t BootNanos() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

int OnKill(void*, void* record, size_t) {
  const uint64_t now = BootNanos();
  const auto* kill = static_cast<const bare_kill*>(record);
  std::printf("%u %llu %llu\n", kill->pid, static_cast<unsigned long long>(now - kill->boot_ns),
              static_cast<unsigned long long>(kill->boot_ns));
  std::fflush(stdout);
  return 0;
}

}  // namespace

int main() {
  libbpf_set_print(nullptr);
  bare_bpf* skeleton = bare_bpf__open_and_load();
  if (skeleton == nullptr || bare_bpf__attach(skeleton) != 0) {
    std::perror("bare consumer: load and attach tp_btf/mark_victim");
    return 1;
  }
  ring_buffer* ring = ring_buffer__new(bpf_map__fd(skeleton->maps.kills), OnKill, nullptr, nullptr);
  if (ring == nullptr) {
    std::perror("bare consumer: open the ring");
    return 1;
  }
  std::puts("ready");
  std::fflush(stdout);
  // Until it is ended by a signal, which takes all of it away. One that stopped it interrupts only.
  int polled = 0;
  while (polled >= 0 || polled == -EINTR) polled = ring_buffer__poll(ring, -1);
  return 1;
}
