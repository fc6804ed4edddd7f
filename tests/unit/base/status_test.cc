#include "agent/base/status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>

namespace oomtrail::base {
namespace {

using ::testing::StartsWith;

std::string Message(const absl::Status& status) { return std::string(status.message()); }

struct Row {
  std::string_view name;
  int error;
  absl::StatusCode code;
  std::string_view message;
};

void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

class ErrnoStatusTest : public ::testing::TestWithParam<Row> {};

TEST_P(ErrnoStatusTest, NamesTheErrorAndItsCause) {
  const absl::Status status = ErrnoStatus(GetParam().error, "read /x/cgroup.procs");
  EXPECT_EQ(status.code(), GetParam().code);
  EXPECT_EQ(Message(status), "read /x/cgroup.procs: " + std::string(GetParam().message));
  EXPECT_EQ(ErrnoName(GetParam().error), GetParam().name);
}

constexpr Row kRows[] = {
    {"ENOENT", ENOENT, absl::StatusCode::kNotFound, "ENOENT (No such file or directory)"},
    {"EPERM", EPERM, absl::StatusCode::kPermissionDenied, "EPERM (Operation not permitted)"},
    {"EACCES", EACCES, absl::StatusCode::kPermissionDenied, "EACCES (Permission denied)"},
    {"EINVAL", EINVAL, absl::StatusCode::kInvalidArgument, "EINVAL (Invalid argument)"},
    {"ENOSPC", ENOSPC, absl::StatusCode::kResourceExhausted, "ENOSPC (No space left on device)"},
    {"EAGAIN", EAGAIN, absl::StatusCode::kUnavailable, "EAGAIN (Resource temporarily unavailable)"},
    {"EEXIST", EEXIST, absl::StatusCode::kAlreadyExists, "EEXIST (File exists)"},
    {"ENOSYS", ENOSYS, absl::StatusCode::kUnimplemented, "ENOSYS (Function not implemented)"},
};
INSTANTIATE_TEST_SUITE_P(Rows, ErrnoStatusTest, ::testing::ValuesIn(kRows),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(ErrnoTest, ANumberWithoutANameIsStillAnError) {
  const absl::Status status = ErrnoStatus(4711, "read x");
  EXPECT_EQ(status.code(), absl::StatusCode::kUnknown);
  EXPECT_THAT(Message(status), StartsWith("read x: " + std::string(ErrnoName(4711))));
  EXPECT_NE(ErrnoName(4711), "");
}

TEST(AnnotateTest, PutsTheContextBeforeTheMessage) {
  const absl::Status status = Annotate(absl::NotFoundError("open x: ENOENT"), "list pods");
  EXPECT_EQ(status, absl::NotFoundError("list pods: open x: ENOENT"));
}

TEST(AnnotateTest, AnInnerLayerStandsLast) {
  const absl::Status inner = Annotate(absl::InternalError("c"), "b");
  EXPECT_EQ(Message(Annotate(inner, "a")), "a: b: c");
}

TEST(AnnotateTest, OkStaysOk) { EXPECT_TRUE(Annotate(absl::OkStatus(), "list pods").ok()); }

absl::Status Check(absl::Status status, bool& reached) {
  RETURN_IF_ERROR(status);
  reached = true;
  return absl::OkStatus();
}

TEST(ReturnIfErrorTest, ReturnsTheErrorAtOnce) {
  bool reached = false;
  EXPECT_EQ(Check(absl::AbortedError("x"), reached), absl::AbortedError("x"));
  EXPECT_FALSE(reached);
}

TEST(ReturnIfErrorTest, GoesOnAfterOk) {
  bool reached = false;
  EXPECT_TRUE(Check(absl::OkStatus(), reached).ok());
  EXPECT_TRUE(reached);
}

absl::Status CheckInBranch(bool first, int& evaluations) {
  const auto fail = [&] { return ++evaluations, absl::AbortedError("x"); };
  if (first)
    RETURN_IF_ERROR(fail());
  else
    return absl::OkStatus();
  return absl::InternalError("not reached");
}

TEST(ReturnIfErrorTest, IsOneStatementEvaluatedOnce) {
  int evaluations = 0;
  EXPECT_EQ(CheckInBranch(true, evaluations), absl::AbortedError("x"));
  EXPECT_EQ(evaluations, 1);
  EXPECT_TRUE(CheckInBranch(false, evaluations).ok());
}

absl::StatusOr<int> Sum(absl::StatusOr<std::unique_ptr<int>> a, absl::StatusOr<int> b) {
  ASSIGN_OR_RETURN(const std::unique_ptr<int> first, std::move(a));
  int second = 0;
  ASSIGN_OR_RETURN(second, b);
  return *first + second;
}

TEST(AssignOrReturnTest, DeclaresOrAssignsAndMoves) {
  EXPECT_EQ(*Sum(std::make_unique<int>(40), 2), 42);
}

TEST(AssignOrReturnTest, ReturnsTheFirstError) {
  const absl::Status bad = absl::DataLossError("bad");
  EXPECT_EQ(Sum(bad, absl::AbortedError("worse")).status(), bad);
  EXPECT_EQ(Sum(std::make_unique<int>(40), bad).status(), bad);
}

}  // namespace
}  // namespace oomtrail::base
