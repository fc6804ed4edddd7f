// The line for people, spelled out for every kind of event.
#include "agent/publish/event_text.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <string_view>

#include "tests/unit/publish/event_invariants.h"
#include "tests/unit/publish/sample_events.h"

namespace oomtrail::publish {
namespace {

// What follows the time.
std::string Rest(const model::Event& event) {
  const std::string line = ToText(event);
  EXPECT_TRUE(line.starts_with("2026-11-21T05:41:07.123Z ")) << line;
  return line.substr(line.find(' ') + 1);
}

TEST(EventTextTest, AFullKillIsTheLineOfTheDesign) {
  EXPECT_EQ(ToText(FullKill()),
            "2026-11-21T05:41:07.123Z OOM-KILL shop/cart-7d9f api java[4312] rss=498.2MiB "
            "scope=container limit=512.0MiB usage=512.0MiB trigger=java[4312] "
            "workload=Deployment/cart");
}

TEST(EventTextTest, APartialKillShowsWhatIsProven) {
  EXPECT_EQ(Rest(PartialKill()),
            "OOM-KILL pod:0c9d7c1e-6f0a-4b57-9a57-3a1f0f6f2b11 container:5d0e3c9a7b1f java[4312] "
            "rss=498.2MiB scope=container limit=512.0MiB usage=512.0MiB trigger=java[4312] "
            "attribution=partial cgroup=" +
                SampleContainerPath());
}

TEST(EventTextTest, AnAmendmentIsTheWholeLineUnderAnotherVerb) {
  EXPECT_EQ(Rest(FullKill(1)), "OOM-KILL-NAMED" + Rest(FullKill()).substr(8));
}

TEST(EventTextTest, AHostProcessIsNamedByItsUnit) {
  EXPECT_EQ(Rest(HostKill()),
            "OOM-KILL host/rsyslog.service - rsyslogd[812] rss=63.6MiB scope=host limit=64.0MiB "
            "usage=64.0MiB limit_owner=/system.slice/rsyslog.service trigger=rsyslogd[812]");
}

TEST(EventTextTest, AHostProcessWithoutAUnitIsNamedByItsCgroup) {
  model::Event event = HostKill();
  event.identity.unit.clear();
  event.cgroup_path = "/my jobs/7";
  EXPECT_TRUE(Rest(event).starts_with(R"(OOM-KILL host//my\x20jobs/7 - rsyslogd[812] )"));
}

TEST(EventTextTest, AnUnknownKillSaysSo) {
  EXPECT_EQ(Rest(UnknownKill()), "OOM-KILL unknown - python3[977] attribution=unknown");
}

TEST(EventTextTest, AProcessWithoutANameIsAQuestionMark) {
  model::Event event = UnknownKill();
  event.victim->comm.clear();
  EXPECT_EQ(Rest(event), "OOM-KILL unknown - ?[977] attribution=unknown");
}

TEST(EventTextTest, AnInferredScopeAGroupKillAndATriggerElsewhereAreMarked) {
  EXPECT_EQ(Rest(PodLimitGroupKill()),
            "OOM-KILL shop/cart-7d9f api java[4312] rss=498.2MiB container_kind=sidecar "
            "scope=pod(inferred) limit=1.0GiB usage=1.0GiB limit_owner=" +
                std::string(kSamplePodPath) +
                R"( group_kill trigger=log\x20shipper[5120] trigger_cgroup=)" +
                std::string(kSamplePodPath) + "/shipper workload=StatefulSet/cart");
}

TEST(EventTextTest, ALimitAboveThePodHasItsOwnerNamed) {
  EXPECT_EQ(Rest(AncestorLimitKill()),
            "OOM-KILL shop/cart-7d9f api java[4312] rss=498.2MiB container_kind=init "
            "scope=ancestor limit=512.0MiB usage=512.0MiB "
            "limit_owner=/kubepods.slice/kubepods-besteffort.slice "
            "trigger=java[4312] workload=Deployment/cart");
}

TEST(EventTextTest, AGlobalOomHasNoLimit) {
  EXPECT_EQ(Rest(NodeKill(model::Scope::kNode, model::Constraint::kNone, 0)),
            "OOM-KILL shop/cart-7d9f api java[4312] rss=498.2MiB container_kind=ephemeral "
            "scope=node trigger=java[4312] workload=Deployment/cart");
}

TEST(EventTextTest, RssIsAbsentUnlessAllItsPartsAreKnown) {
  model::Event event = FullKill();
  event.victim->memory.shmem_rss_bytes.reset();
  EXPECT_TRUE(Rest(event).starts_with("OOM-KILL shop/cart-7d9f api java[4312] scope=container "));
}

TEST(EventTextTest, ASandboxHasAPodAndNoContainerName) {
  model::Event event = FullKill();
  event.attribution.status = model::AttributionStatus::kPartial;
  event.container = model::ContainerFacts{};
  EXPECT_TRUE(Rest(event).starts_with("OOM-KILL shop/cart-7d9f container:5d0e3c9a7b1f java[4312]"));
  event.identity.container_id.reset();
  EXPECT_TRUE(Rest(event).starts_with("OOM-KILL shop/cart-7d9f - java[4312] "));
}

TEST(EventTextTest, ACgroupBetweenPodAndRootHasNeitherName) {
  model::Event event = PartialKill();
  event.identity = {.level = model::Level::kKubepods};
  event.cgroup_path = "/kubepods.slice";
  EXPECT_TRUE(Rest(event).starts_with("OOM-KILL - - java[4312] "));
}

TEST(EventTextTest, AnOomWithoutAKillHasNoProcessButTheTrigger) {
  EXPECT_EQ(Rest(NoKill()),
            "OOM-NO-KILL shop/cart-7d9f api scope=container limit=512.0MiB usage=512.0MiB "
            "trigger=java[4312] workload=Deployment/cart suppressed=17");
  model::Event amendment = NoKill();
  amendment.revision = 1;
  EXPECT_TRUE(Rest(amendment).starts_with("OOM-NO-KILL-NAMED shop/cart-7d9f api "));
}

TEST(EventTextTest, AContainerOfAnotherKindSaysSo) {
  model::Event event = FullKill();
  event.container->kind = model::ContainerKind::kInit;
  EXPECT_TRUE(Rest(event).starts_with(
      "OOM-KILL shop/cart-7d9f api java[4312] rss=498.2MiB container_kind=init scope=container "))
      << Rest(event);
  event.container->kind.reset();
  EXPECT_EQ(Rest(event), Rest(FullKill())) << "an ordinary one is not worth a word";
}

TEST(EventTextTest, AWarningSaysWhenHowFastAndWhy) {
  EXPECT_EQ(Rest(EarlyWarning()),
            "EARLY-WARNING shop/cart-7d9f api scope=container in=42s growth=1.2MiB/s "
            "workingset=480.0MiB limit=512.0MiB usage=500.0MiB confidence=0.93 reason=growth "
            "workload=Deployment/cart");
  EXPECT_EQ(Rest(PressureWarning()),
            "EARLY-WARNING shop/cart-7d9f api scope=pod growth=-4.0KiB/s workingset=480.0MiB "
            "limit=512.0MiB usage=500.0MiB limit_owner=" +
                std::string(kSamplePodPath) +
                " confidence=0.50 stalled=0.62 reason=pressure workload=Deployment/cart");
}

TEST(EventTextTest, TheEndOfAWarningHasAVerbOfItsOwn) {
  EXPECT_EQ(Rest(EarlyWarning(model::WarningOutcome::kReceded)),
            "EARLY-WARNING-END shop/cart-7d9f api scope=container in=42s growth=1.2MiB/s "
            "workingset=480.0MiB limit=512.0MiB usage=500.0MiB confidence=0.93 reason=growth "
            "outcome=receded after=61s workload=Deployment/cart");
  model::Event named = EarlyWarning();
  named.revision = 1;
  EXPECT_TRUE(Rest(named).starts_with("EARLY-WARNING-NAMED shop/cart-7d9f api "));
}

TEST(EventTextTest, AKillSaysLastWhetherItWasWarnedOf) {
  EXPECT_EQ(Rest(WarnedKill()), Rest(FullKill()) + " warned=42s");
  EXPECT_EQ(Rest(UnwarnedKill()), Rest(FullKill()) + " warned=no");
  model::Event event = WarnedKill();
  event.warned->seconds_before.reset();
  EXPECT_TRUE(Rest(event).ends_with(" warned=yes"));
}

TEST(EventTextTest, ARateMayBeNegativeAndATimeShort) {
  EXPECT_EQ(FormatRate(0), "0B/s");
  EXPECT_EQ(FormatRate(-0.4), "0B/s");
  EXPECT_EQ(FormatRate(-300), "-300B/s");
  EXPECT_EQ(FormatRate(1e300), "8.0EiB/s");
  EXPECT_EQ(FormatRate(NAN), "?");
  EXPECT_EQ(FormatSeconds(0), "0.0s");
  EXPECT_EQ(FormatSeconds(9.94), "9.9s");
  EXPECT_EQ(FormatSeconds(9.96), "10s");
  EXPECT_EQ(FormatSeconds(61.4), "61s");
  EXPECT_EQ(FormatSeconds(INFINITY), "?");
}

TEST(EventTextTest, ALossIsShort) { EXPECT_EQ(Rest(Lost()), "LOST 3 at kill_ring_full"); }

TEST(EventTextTest, EveryNameIsOneWord) {
  model::Event event = FullKill();
  event.pod->ns = "sh op";
  event.pod->name = "cart scope=node";
  event.container->name = "a b";
  event.victim->comm = "Web Content";
  event.trigger->comm = "  ";
  event.pod->workload->name = "x y";
  EXPECT_EQ(Rest(event),
            R"(OOM-KILL sh\x20op/cart\x20scope=node a\x20b Web\x20Content[4312] rss=498.2MiB )"
            R"(scope=container limit=512.0MiB usage=512.0MiB trigger=\x20\x20[4312] )"
            R"(workload=Deployment/x\x20y)");
}

TEST(EventTextTest, ABlankThatSystemdEscapedStaysApartFromOurs) {
  model::Event event = HostKill();
  event.identity.unit = R"(dev-my\x20disk\x2d1 a.service)";
  const std::string line = Rest(event);
  const std::string word = line.substr(9, line.find(" - ") - 9);
  EXPECT_EQ(word, R"(host/dev-my\x5cx20disk\x2d1\x20a.service)");
  EXPECT_EQ(Unescape(word, /*words=*/true), "host/" + event.identity.unit);
}

TEST(EventTextTest, ANameCannotForgeALine) {
  model::Event event = FullKill();
  event.victim->comm = "x\n2026-11-21T";
  event.pod->name = "\x1b[2J\u202e";
  event.container->name = "\xff";
  EXPECT_TRUE(Rest(event).starts_with(
      R"(OOM-KILL shop/\x1b[2J\xe2\x80\xae \xff x\x0a2026-11-21T[4312] rss=)"));
}

struct BytesRow {
  uint64_t bytes;
  std::string_view text;
};

void PrintTo(const BytesRow& row, std::ostream* out) { *out << row.bytes; }

class FormatBytesTest : public ::testing::TestWithParam<BytesRow> {};

TEST_P(FormatBytesTest, Says) { EXPECT_EQ(FormatBytes(GetParam().bytes), GetParam().text); }

constexpr BytesRow kBytes[] = {
    {0, "0B"},
    {1, "1B"},
    {1023, "1023B"},
    {1024, "1.0KiB"},
    {1075, "1.0KiB"},
    {1076, "1.1KiB"},
    {1'048'524, "1023.9KiB"},
    {1'048'525, "1.0MiB"},  // not 1024.0KiB
    {1'048'576, "1.0MiB"},
    {512 * kMiB, "512.0MiB"},
    {1024 * kMiB - 1, "1.0GiB"},
    {uint64_t{1} << 40, "1.0TiB"},
    {uint64_t{1} << 50, "1.0PiB"},
    {uint64_t{1} << 60, "1.0EiB"},
    {UINT64_MAX, "16.0EiB"},
};
INSTANTIATE_TEST_SUITE_P(Rows, FormatBytesTest, ::testing::ValuesIn(kBytes));

}  // namespace
}  // namespace oomtrail::publish
