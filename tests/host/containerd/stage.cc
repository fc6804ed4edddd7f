#include "agent/base/status.h"
#include "tests/host/containerd/scenario.h"

namespace oomtrail::containerd {

absl::Status Stage::Expect(const Killed& killed, const Naming& naming) const {
  RETURN_IF_ERROR(AwaitKilled(witnesses, killed));
  return ExpectEvent(witnesses, agent, killed, naming);
}

absl::Status Stage::Kill(const Killed& killed, const Naming& naming) const {
  killed.victim->Grow();
  return Expect(killed, naming);
}

}  // namespace oomtrail::containerd
