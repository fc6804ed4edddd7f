// When one name source is asked next. A value with its own small random state; not thread-safe.
//
// Times are nanoseconds of one monotonic clock, given by the caller. In the order of urgency: a
// failing source is left alone for a time that grows with each failure; somebody who waits for a
// name shortens that, but never below wanted_backoff; a healthy source is asked at once when a name
// is wanted, though not more often than every min_spacing; else once a period.
#pragma once

#include <chrono>
#include <cstdint>
#include <random>

namespace oomtrail::attribute {

struct RefreshPacing {
  std::chrono::nanoseconds period = std::chrono::seconds(30);
  std::chrono::nanoseconds min_spacing = std::chrono::milliseconds(200);
  std::chrono::nanoseconds first_backoff = std::chrono::milliseconds(500);
  std::chrono::nanoseconds max_backoff = std::chrono::seconds(30);
  std::chrono::nanoseconds wanted_backoff = std::chrono::seconds(2);
};

// For a runtime: on the other side of a socket, a try that fails costs next to nothing.
inline constexpr RefreshPacing kRuntimePacing{.max_backoff = std::chrono::seconds(5)};

// For the kubelet: its answer is megabytes where the runtime's is kilobytes, and a second old
// anyway.
inline constexpr RefreshPacing kKubeletPacing{.period = std::chrono::seconds(60),
                                              .min_spacing = std::chrono::seconds(1)};

class RefreshSchedule {
 public:
  // Due at once. Schedules of equal `seed` are equal.
  RefreshSchedule(RefreshPacing pacing, uint32_t seed);

  uint64_t DueNanos() const;
  // A name is wanted. Any number of calls before the next Start() are one.
  void Want() { wanted_ = true; }

  // The source is being asked: what is wanted from here on needs another time.
  void Start() { wanted_ = false; }
  void Succeeded(uint64_t now_ns);
  void Failed(uint64_t now_ns);

 private:
  // `span` with up to `part` of it added or taken away.
  uint64_t Jitter(std::chrono::nanoseconds span, double part);

  const RefreshPacing pacing_;
  std::minstd_rand random_;
  bool wanted_ = false;
  uint32_t failures_ = 0;   // in a row
  uint64_t due_ns_ = 0;     // if nothing is wanted
  uint64_t wanted_ns_ = 0;  // the earliest that a wish is granted
};

}  // namespace oomtrail::attribute
