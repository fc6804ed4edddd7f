#include "agent/cli/event_printer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "agent/base/strings.h"
#include "agent/publish/event_json.h"
#include "agent/publish/event_text.h"
#include "tests/unit/publish/sample_events.h"

namespace oomtrail::cli {
namespace {

using publish::FullKill;
using publish::HostKill;
using publish::kMiB;
using publish::PartialKill;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

std::string PrintAll(OutputFormat format, int columns, const std::vector<model::Event>& events,
                     bool color = false) {
  EventPrinter printer(format, color, columns);
  std::string out = "\n";
  for (const auto& event : events) out += printer.Print(event);
  return out;
}

std::vector<model::Event> EventsOfAllKinds() {
  std::vector<model::Event> events;
  for (const auto& sample : publish::Samples()) events.push_back(sample.event);
  return events;
}

// What a terminal shows of it.
std::string WithoutColors(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    if (text.starts_with("\x1b[")) {
      text.remove_prefix(text.find('m') + 1);
    } else {
      out += text.front();
      text.remove_prefix(1);
    }
  }
  return out;
}

TEST(EventPrinterTest, CompactIsTheLineOfTheLog) {
  for (const auto& sample : publish::Samples()) {
    EXPECT_EQ(PrintAll(OutputFormat::kCompact, 80, {sample.event}),
              "\n" + publish::ToText(sample.event) + "\n");
  }
}

TEST(EventPrinterTest, JsonIsNeverColoured) {
  for (const auto& sample : publish::Samples()) {
    EXPECT_EQ(PrintAll(OutputFormat::kJson, 80, {sample.event}, /*color=*/true),
              "\n" + publish::ToJson(sample.event) + "\n");
  }
}

TEST(EventPrinterTest, WideAddsNodeIdCgroupAndWhatIsMissing) {
  EXPECT_EQ(
      PrintAll(OutputFormat::kWide, 80, {HostKill()}),
      "\n" + publish::ToText(HostKill()) +
          " node=worker-3 id=3f6c1a52-812-30ea43af67a14 cgroup=/system.slice/rsyslog.service\n");
  const std::string partial = PrintAll(OutputFormat::kWide, 80, {PartialKill()});
  EXPECT_THAT(partial, EndsWith(" node=worker-3 id=3f6c1a52-4312-30ea43af67a14 "
                                "missing=pod.name,pod.namespace,container.name\n"));
  EXPECT_EQ(partial.find("cgroup="), partial.rfind("cgroup=")) << partial;
}

TEST(EventPrinterTest, ColoursChangeNothingButColours) {
  for (const auto format : {OutputFormat::kCompact, OutputFormat::kWide, OutputFormat::kTable}) {
    const std::string coloured = PrintAll(format, 120, EventsOfAllKinds(), /*color=*/true);
    const std::string plain = PrintAll(format, 120, EventsOfAllKinds());
    EXPECT_EQ(WithoutColors(coloured), plain);
    EXPECT_NE(coloured, plain);
    EXPECT_THAT(plain, Not(HasSubstr("\x1b")));
  }
}

TEST(EventPrinterTest, EveryColouredLineEndsUncoloured) {
  for (const auto format : {OutputFormat::kCompact, OutputFormat::kTable}) {
    const std::string text = PrintAll(format, 100, EventsOfAllKinds(), /*color=*/true);
    for (const std::string_view line : base::StrSplit(text, '\n')) {
      const size_t last = line.rfind("\x1b[");
      if (last == std::string_view::npos) continue;
      EXPECT_EQ(line.substr(last, 4), "\x1b[0m") << line;
    }
  }
}

TEST(EventPrinterTest, AKillALossAndAnAmendmentDifferInColour) {
  EXPECT_THAT(PrintAll(OutputFormat::kCompact, 80, {FullKill()}, true),
              HasSubstr("\x1b[1;31mOOM-KILL\x1b[0m \x1b[1mshop/cart-7d9f\x1b[0m api"));
  EXPECT_THAT(PrintAll(OutputFormat::kCompact, 80, {FullKill(1)}, true),
              HasSubstr("\x1b[36mOOM-KILL-NAMED\x1b[0m"));
  EXPECT_THAT(PrintAll(OutputFormat::kCompact, 80, {publish::Lost()}, true),
              HasSubstr("\x1b[1;33mLOST\x1b[0m 3 at kill_ring_full"));
}

TEST(EventPrinterTest, AWarningIsYellowUntilItHasEnded) {
  EXPECT_THAT(PrintAll(OutputFormat::kCompact, 80, {publish::EarlyWarning()}, true),
              HasSubstr("\x1b[1;33mEARLY-WARNING\x1b[0m \x1b[1mshop/cart-7d9f\x1b[0m api"));
  EXPECT_THAT(PrintAll(OutputFormat::kCompact, 80,
                       {publish::EarlyWarning(model::WarningOutcome::kReceded)}, true),
              HasSubstr("\x1b[36mEARLY-WARNING-END\x1b[0m"));
  EXPECT_THAT(PrintAll(OutputFormat::kTable, 100, {publish::EarlyWarning()}, true),
              HasSubstr("\x1b[1;33m(in 42s)"));
}

std::vector<model::Event> TableEvents() {
  return {PartialKill(),
          FullKill(1),
          HostKill(),
          publish::UnknownKill(),
          publish::PodLimitGroupKill(),
          publish::NoKill(),
          publish::EarlyWarning(),
          publish::PressureWarning(),
          publish::EarlyWarning(model::WarningOutcome::kReceded),
          publish::Lost()};
}

TEST(EventTableTest, FitsAnOrdinaryTerminal) {
  EXPECT_EQ(PrintAll(OutputFormat::kTable, 80, TableEvents()), R"(
TIME (UTC)      NAMESPA… POD         CONTA… PROCESS        RSS SCOPE       LIMIT
11-21 05:41:07  -        pod:0c9d7c… 5d0e3… java[4312]  498.2M container  512.0M
11-21 05:41:07+ shop     cart-7d9f   api    java[4312]  498.2M container  512.0M
11-21 05:41:07  -        host/rsysl… -      rsyslogd[…   63.6M host        64.0M
11-21 05:41:07  -        unknown     -      python3[9…       - -               -
11-21 05:41:07  shop     cart-7d9f   api    java[4312]  498.2M pod~         1.0G
11-21 05:41:07  shop     cart-7d9f   api    (no kill)        - container  512.0M
11-21 05:41:07  shop     cart-7d9f   api    (in 42s)         - container  512.0M
11-21 05:41:07  shop     cart-7d9f   api    (warning)        - pod        512.0M
11-21 05:41:07+ shop     cart-7d9f   api    (receded)        - container  512.0M
11-21 05:41:07  LOST 3 at kill_ring_full
)");
}

TEST(EventTableTest, ShowsUsageAndWorkloadWhereThereIsRoom) {
  EXPECT_EQ(PrintAll(OutputFormat::kTable, 150, TableEvents()), R"(
TIME (UTC)           NAMESPACE       POD                       CONTAINER     PROCESS               RSS SCOPE        LIMIT   USAGE WORKLOAD
2026-11-21 05:41:07  -               pod:0c9d7c1e-6f0a-4b57-9… 5d0e3c9a7b1f  java[4312]         498.2M container   512.0M  512.0M -
2026-11-21 05:41:07+ shop            cart-7d9f                 api           java[4312]         498.2M container   512.0M  512.0M Deployment/cart
2026-11-21 05:41:07  -               host/rsyslog.service      -             rsyslogd[812]       63.6M host         64.0M   64.0M -
2026-11-21 05:41:07  -               unknown                   -             python3[977]            - -                -       - -
2026-11-21 05:41:07  shop            cart-7d9f                 api           java[4312]         498.2M pod~          1.0G    1.0G StatefulSet/cart
2026-11-21 05:41:07  shop            cart-7d9f                 api           (no kill)               - container   512.0M  512.0M Deployment/cart
2026-11-21 05:41:07  shop            cart-7d9f                 api           (in 42s)                - container   512.0M  500.0M Deployment/cart
2026-11-21 05:41:07  shop            cart-7d9f                 api           (warning)               - pod         512.0M  500.0M Deployment/cart
2026-11-21 05:41:07+ shop            cart-7d9f                 api           (receded)               - container   512.0M  500.0M Deployment/cart
2026-11-21 05:41:07  LOST 3 at kill_ring_full
)");
}

TEST(EventTableTest, NoLineIsWiderThanTheTerminal) {
  for (int columns = 1; columns <= 300; ++columns) {
    const std::string text = PrintAll(OutputFormat::kTable, columns, EventsOfAllKinds());
    for (const std::string_view line : base::StrSplit(text, '\n')) {
      EXPECT_LE(DisplayWidth(line), columns) << line;
    }
  }
}

TEST(EventTableTest, TheHeaderIsThereOnce) {
  const std::string text = PrintAll(OutputFormat::kTable, 100, TableEvents());
  EXPECT_EQ(text.find("NAMESPACE"), text.rfind("NAMESPACE"));
  EXPECT_THAT(text, HasSubstr("USAGE"));
  EXPECT_THAT(PrintAll(OutputFormat::kTable, 99, TableEvents()), Not(HasSubstr("USAGE")));
}

TEST(EventTableTest, NamesCannotLeaveTheirRow) {
  model::Event event = publish::HostileKill();
  event.pod->ns = "a\nb";
  event.container->name = "\x1b[2J";
  const std::string text = PrintAll(OutputFormat::kTable, 200, {event});
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3) << text;
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  EXPECT_THAT(text, HasSubstr(R"(a\x0ab)"));
}

}  // namespace
}  // namespace oomtrail::cli
