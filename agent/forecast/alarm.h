// When to warn of a limit, and when the warning is over. Pure: what was forecast in, warnings out.
//
// A warning has receded when for 20 s the limit was four times as far as what is warned of, and
// expired after an hour. Of a level that a warning came to nothing at, none is given for 10
// minutes.
//
// One per limit. Of fixed size and without allocation. Owned and called by one thread.
#pragma once

#include <cstdint>
#include <optional>

#include "agent/model/warning.h"

namespace oomtrail::forecast {

// When to warn: by flag, and by a pod's annotations instead.
struct WarnRule {
  bool on = true;
  double seconds = 60;  // warn when the limit is this near; 0: never for growth
  // … or when so much of it is in use and it still grows towards it, if slowly: a level that stays
  // is no news. 100: never for the level
  double percent = 95;

  bool operator==(const WarnRule&) const = default;
};

struct AlarmInput {
  uint64_t boot_ns = 0;
  model::Trend trend;
  uint64_t working_set_bytes = 0;
  uint64_t limit_bytes = 0;             // 0: none, then there is nothing to warn of
  std::optional<double> stalled_share;  // of the last 10 s, some task waited for memory (PSI)
};

class Alarm {
 public:
  // One for each sample, in order of time. A warning that begins has no outcome. One that ends by
  // itself is told again as it was told first, with its outcome.
  std::optional<model::Warning> Step(const AlarmInput& input, const WarnRule& rule);

  bool standing() const { return standing_.has_value(); }

  // An OOM kill at this limit: how the standing warning ended, if one stands.
  std::optional<model::Warning> Killed(uint64_t boot_ns);

  // The cgroup is gone, or is no longer watched: how the standing warning ended, if one stands.
  std::optional<model::Warning> Ended(uint64_t boot_ns);

 private:
  struct Standing {
    uint64_t since_ns = 0;
    uint64_t near_ns = 0;  // when the limit was near for the last time
    model::Warning warning;
  };

  // What a warning that came to nothing has spoken of: no news for a while.
  struct Told {
    uint64_t boot_ns = 0;
    uint64_t working_set_bytes = 0;
  };

  std::optional<model::WarningReason> Reason(const AlarmInput& input, const WarnRule& rule) const;
  bool IsTold(const AlarmInput& input) const;
  void NotePressure(const AlarmInput& input);
  std::optional<model::Warning> Hold(const AlarmInput& input, const WarnRule& rule);
  std::optional<model::Warning> End(uint64_t boot_ns, model::WarningOutcome outcome);

  std::optional<Standing> standing_;
  Told told_;
  std::optional<uint64_t> pressed_since_ns_;
};

}  // namespace oomtrail::forecast
