#include "agent/publish/event_proto.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <ostream>
#include <string_view>

#include "agent/publish/event_json.h"
#include "agent/publish/event_text.h"
#include "agent/publish/journal_event.h"
#include "tests/unit/publish/sample_events.h"

namespace oomtrail::publish {
namespace {

TEST(EventProtoTest, EverySampleReadsTheSameOnBothSides) {
  for (const Sample& sample : Samples()) {
    v1::Event message;
    ToProto(sample.event, &message);
    auto back = FromProto(message);
    ASSERT_TRUE(back.ok()) << sample.name << ": " << back.status();
    back->cursor = sample.event.cursor;  // not the message's
    EXPECT_EQ(ToJson(*back), ToJson(sample.event)) << sample.name;
    EXPECT_EQ(ToText(*back), ToText(sample.event)) << sample.name;
  }
}

TEST(EventProtoTest, EverySampleComesBackFromTheJournal) {
  for (const Sample& sample : Samples()) {
    const journal::Entry entry = ToEntry(sample.event);
    EXPECT_EQ(entry.id, sample.event.id);
    EXPECT_EQ(entry.revision, sample.event.revision);
    EXPECT_EQ(entry.wall_ns, sample.event.wall_ns);
    auto back = FromEntry(entry);
    ASSERT_TRUE(back.ok()) << sample.name << ": " << back.status();
    back->cursor = sample.event.cursor;
    EXPECT_EQ(ToJson(*back), ToJson(sample.event)) << sample.name;
  }
}

TEST(EventProtoTest, WhatIsNotKnownIsAbsent) {
  v1::Event message;
  ToProto(UnknownKill(), &message);
  EXPECT_FALSE(message.has_trigger());
  EXPECT_FALSE(message.has_limit());
  EXPECT_FALSE(message.has_oom());
  EXPECT_FALSE(message.has_pod());
  EXPECT_FALSE(message.victim().has_uid());
  EXPECT_FALSE(message.victim().has_anon_rss_bytes());
  EXPECT_EQ(message.scope(), v1::SCOPE_UNSPECIFIED);
}

TEST(EventProtoTest, AKnownZeroIsThere) {
  v1::Event message;
  ToProto(FullKill(), &message);
  EXPECT_TRUE(message.victim().has_shmem_rss_bytes());
  EXPECT_EQ(message.victim().shmem_rss_bytes(), 0U);
}

struct Damage {
  std::string_view name;
  std::function<void(v1::Event&)> inflict;
  absl::StatusCode code;
};

void PrintTo(const Damage& damage, std::ostream* out) { *out << damage.name; }

class DamagedEventTest : public ::testing::TestWithParam<Damage> {};

TEST_P(DamagedEventTest, IsRefused) {
  v1::Event message;
  ToProto(FullKill(), &message);
  GetParam().inflict(message);
  EXPECT_EQ(FromProto(message).status().code(), GetParam().code);
}

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
const Damage kDamages[] = {
    {"NoKind", [](v1::Event& event) { event.clear_kind(); }, absl::StatusCode::kUnimplemented},
    {"KindOfTheFuture", [](v1::Event& event) { event.set_kind(static_cast<v1::Kind>(99)); },
     absl::StatusCode::kUnimplemented},
    {"NegativeNanos", [](v1::Event& event) { event.mutable_time()->set_nanos(-1); }, kInvalid},
    {"TooManyNanos", [](v1::Event& event) { event.mutable_time()->set_nanos(1'000'000'000); },
     kInvalid},
    {"YearTwelveThousand", [](v1::Event& event) { event.mutable_time()->set_seconds(INT64_MAX); },
     kInvalid},
    {"StartBeforeTime",
     [](v1::Event& event) { event.mutable_victim()->mutable_start_time()->set_seconds(INT64_MIN); },
     kInvalid},
    {"AGrowthThatIsNoNumber",
     [](v1::Event& event) {
       ToProto(EarlyWarning(), &event);
       event.mutable_warning()->set_growth_bytes_per_second(NAN);
     },
     kInvalid},
    {"AnEndlessWait",
     [](v1::Event& event) {
       ToProto(EarlyWarning(), &event);
       event.mutable_warning()->set_seconds_to_limit(INFINITY);
     },
     kInvalid},
    {"AWarningWithoutAReason",
     [](v1::Event& event) {
       ToProto(EarlyWarning(), &event);
       event.mutable_warning()->clear_reason();
     },
     kInvalid},
    {"AnOutcomeOfTheFuture",
     [](v1::Event& event) {
       ToProto(EarlyWarning(), &event);
       event.mutable_warning()->set_outcome(static_cast<v1::WarningOutcome>(9));
     },
     kInvalid},
    {"WarnedAtNoTime",
     [](v1::Event& event) { event.mutable_warned()->set_seconds_before(-INFINITY); }, kInvalid},
    {"UnknownMethod",
     [](v1::Event& event) { event.mutable_hook()->set_method(static_cast<v1::Method>(77)); },
     kInvalid},
};
INSTANTIATE_TEST_SUITE_P(Rows, DamagedEventTest, ::testing::ValuesIn(kDamages),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(EventProtoTest, EveryTimeThatThereIsComesBack) {
  for (const int64_t wall_ns : {INT64_MIN, INT64_MIN + 1, int64_t{-1}, int64_t{0}, INT64_MAX}) {
    model::Event event = FullKill();
    event.wall_ns = wall_ns;
    v1::Event message;
    ToProto(event, &message);
    const auto back = FromProto(message);
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(back->wall_ns, wall_ns);
  }
}

TEST(EventProtoTest, AScopeOfTheFutureIsNotKnown) {
  v1::Event message;
  ToProto(FullKill(), &message);
  message.set_scope(static_cast<v1::Scope>(99));
  const auto event = FromProto(message);
  ASSERT_TRUE(event.ok());
  EXPECT_FALSE(event->scope.has_value());
}

TEST(EventProtoTest, AContainerIdThatIsNoneIsLeftOut) {
  v1::Event message;
  ToProto(FullKill(), &message);
  message.mutable_container()->set_id("\x1b[31m");
  const auto event = FromProto(message);
  ASSERT_TRUE(event.ok());
  EXPECT_FALSE(event->identity.container_id.has_value());
}

}  // namespace
}  // namespace oomtrail::publish
