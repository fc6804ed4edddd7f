#include "agent/cli/client_error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace oomtrail::cli {
namespace {

using grpc::StatusCode;

template <typename Detail>
grpc::Status WithDetail(StatusCode code, const Detail& detail) {
  google::rpc::Status rich;
  rich.add_details()->PackFrom(detail);
  return {code, "said", rich.SerializeAsString()};
}

google::rpc::ErrorInfo Expired(const std::string& oldest) {
  google::rpc::ErrorInfo reason;
  reason.set_reason("CURSOR_EXPIRED");
  (*reason.mutable_metadata())["oldest_cursor"] = oldest;
  return reason;
}

TEST(ClientErrorTest, AnExpiredCursorNamesTheOldest) {
  EXPECT_EQ(OldestCursor(WithDetail(StatusCode::OUT_OF_RANGE, Expired("n/2/1"))), "n/2/1");
}

TEST(ClientErrorTest, WhatIsNoExpiredCursorNamesNone) {
  auto other = Expired("n/2/1");
  other.set_reason("OTHER");
  auto bare = Expired("");
  bare.clear_metadata();
  EXPECT_EQ(OldestCursor(WithDetail(StatusCode::NOT_FOUND, Expired("n/2/1"))), std::nullopt);
  EXPECT_EQ(OldestCursor(WithDetail(StatusCode::OUT_OF_RANGE, other)), std::nullopt);
  EXPECT_EQ(OldestCursor(WithDetail(StatusCode::OUT_OF_RANGE, bare)), std::nullopt);
  EXPECT_EQ(OldestCursor(WithDetail(StatusCode::OUT_OF_RANGE, Expired(""))), std::nullopt);
  EXPECT_EQ(OldestCursor(WithDetail(StatusCode::OUT_OF_RANGE, Expired(std::string(2000, 'x')))),
            std::nullopt);
  EXPECT_EQ(OldestCursor({StatusCode::OUT_OF_RANGE, "said", "\xff\xff garbage"}), std::nullopt);
  EXPECT_EQ(OldestCursor({StatusCode::OUT_OF_RANGE, "said"}), std::nullopt);
}

TEST(ClientErrorTest, ARefusalNamesAFewFields) {
  google::rpc::BadRequest request;
  for (int i = 0; i < 9; ++i) {
    auto* violation = request.add_field_violations();
    violation->set_field("f" + std::to_string(i));
    violation->set_description("wrong");
  }
  EXPECT_EQ(ToStatus(WithDetail(StatusCode::INVALID_ARGUMENT, request)).message(),
            "the agent refuses the request: f0: wrong; f1: wrong; f2: wrong");
}

TEST(ClientErrorTest, OfGrpcsWordsTheCauseIsLeft) {
  EXPECT_EQ(ToStatus({StatusCode::UNAVAILABLE,
                      "failed to connect to all addresses; last error: UNKNOWN: Failed to connect "
                      "to remote host: Connection refused"})
                .message(),
            "Connection refused");
}

TEST(ClientErrorTest, LongWordsAreCut) {
  EXPECT_LE(ToStatus({StatusCode::INTERNAL, std::string(1 << 20, 'x')}).message().size(), 400U);
}

TEST(ClientErrorTest, AnErrorWithoutWordsHasItsCode) {
  EXPECT_EQ(ToStatus({StatusCode::DATA_LOSS, ""}).message(), "the call failed with gRPC code 15");
}

TEST(ClientErrorTest, OnlyWhatMayMendIsWorthTryingAgain) {
  EXPECT_TRUE(WorthTryingAgain({}));
  EXPECT_TRUE(WorthTryingAgain({StatusCode::UNAVAILABLE, "Socket closed"}));
  EXPECT_TRUE(WorthTryingAgain({StatusCode::RESOURCE_EXHAUSTED, "too many subscribers"}));
  EXPECT_TRUE(WorthTryingAgain({StatusCode::INTERNAL, "Received RST_STREAM with error code 2"}));
  EXPECT_TRUE(WorthTryingAgain({StatusCode::UNKNOWN, "Stream removed"}));
  EXPECT_FALSE(WorthTryingAgain(
      {StatusCode::RESOURCE_EXHAUSTED, "Received message larger than max (9 vs. 8)"}));
  EXPECT_FALSE(WorthTryingAgain({StatusCode::INTERNAL, "could not parse"}));
  EXPECT_FALSE(WorthTryingAgain({StatusCode::INVALID_ARGUMENT, ""}));
  EXPECT_FALSE(WorthTryingAgain({StatusCode::UNIMPLEMENTED, ""}));
  EXPECT_FALSE(WorthTryingAgain({StatusCode::OUT_OF_RANGE, ""}));
}

}  // namespace
}  // namespace oomtrail::cli
