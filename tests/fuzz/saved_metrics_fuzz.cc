// Any bytes as saved metrics: refused, or metrics that save and render like any others. The
// checksum is made right here, or nothing would ever come past it.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "absl/strings/str_format.h"
#include "agent/publish/metrics.h"
#include "agent/publish/recent_ids.h"
#include "tests/fakes/fake_clock.h"

namespace {

using oomtrail::publish::Metrics;

void Require(bool holds, const char* rule) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", rule);
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* input, size_t size) {
  const Metrics::Options options = {
      .has_sources = true, .series = {.max_series = 50}, .max_held = 5};
  oomtrail::fakes::FakeClock clock;
  Metrics metrics(clock, options, "/nowhere");
  const std::string empty = metrics.Render({});
  std::string text(reinterpret_cast<const char*>(input), size);
  Require(!metrics.Restore(text).ok() || text.ends_with('\n'), "bytes alone are refused");

  text += absl::StrFormat("end\t%016x\n", oomtrail::publish::Fingerprint(text));
  const absl::Status restored = metrics.Restore(text);
  if (!restored.ok()) {
    Require(restored.code() == absl::StatusCode::kDataLoss, "a damage is a DATA_LOSS");
    Require(metrics.Render({}) == empty, "of what is refused nothing is kept");
    return 0;
  }
  const std::string saved = metrics.Save();
  Metrics again(clock, options, "/nowhere");
  Require(again.Restore(saved).ok(), "what is saved can be restored");
  Require(again.Save() == saved, "and is the same then");
  Require(again.Render({}) == metrics.Render({}), "and looks the same");
  clock.Advance(std::chrono::hours(2));
  metrics.Tick();
  Require(metrics.Render({}).size() < (64 << 10), "a page is bounded");
  return 0;
}
