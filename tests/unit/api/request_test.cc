#include "agent/api/request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <ostream>

#include "tests/unit/api/service_fixture.h"

namespace oomtrail::api {
namespace {

using ::testing::HasSubstr;

// One thing wrong with a request, and the field that the answer names for it.
struct Row {
  std::string_view name;
  std::function<void(v1::WatchEventsRequest&)> damage;
  std::string_view field;
  std::string_view says;
};

void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

class BadWatchTest : public ServiceTest, public ::testing::WithParamInterface<Row> {};

TEST_P(BadWatchTest, IsRefusedByTheNameOfItsField) {
  v1::WatchEventsRequest request;
  GetParam().damage(request);
  Call call = Watch(request);
  EXPECT_FALSE(call.Next().has_value());
  const grpc::Status status = call.reader->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  const auto detail = DetailOf<google::rpc::BadRequest>(status);
  ASSERT_TRUE(detail.has_value()) << status.error_message();
  EXPECT_EQ(detail->field_violations(0).field(), GetParam().field);
  EXPECT_THAT(detail->field_violations(0).description(), HasSubstr(std::string(GetParam().says)));
  EXPECT_THAT(status.error_message(), HasSubstr(std::string(GetParam().field)));
}

void Repeat(int times, const std::function<void()>& work) {
  for (int i = 0; i < times; ++i) work();
}

const Row kRows[] = {
    {"TooManyFilters", [](auto& r) { Repeat(33, [&] { r.add_allow(); }); }, "allow", "33 values"},
    {"TooManyDenials", [](auto& r) { Repeat(33, [&] { r.add_deny(); }); }, "deny",
     "32 are allowed"},
    {"TooManyValues",
     [](auto& r) {
       auto* filter = r.add_allow();
       Repeat(65, [&] { filter->add_namespaces("x"); });
     },
     "allow[0].namespaces", "65 values"},
    {"EmptyValue", [](auto& r) { r.add_allow()->add_pods(""); }, "allow[0].pods[0]", "is empty"},
    {"LongValue", [](auto& r) { r.add_deny()->add_containers(std::string(513, 'x')); },
     "deny[0].containers[0]", "513 bytes"},
    {"StarInTheMiddle",
     [](auto& r) {
       r.add_allow();
       auto* filter = r.add_allow();
       filter->add_pods("fine-*");
       filter->add_pods("a*b");
     },
     "allow[1].pods[1]", "not at its end"},
    {"EmptyLabelKey", [](auto& r) { (*r.add_allow()->mutable_labels())[""] = "x"; },
     "allow[0].labels", "is empty"},
    {"TooManyLabels",
     [](auto& r) {
       auto& labels = *r.add_allow()->mutable_labels();
       for (int i = 0; i < 65; ++i) labels[std::to_string(i)] = "";
     },
     "allow[0].labels", "65 values"},
    {"NoScope", [](auto& r) { r.add_allow()->add_scopes(v1::SCOPE_UNSPECIFIED); },
     "allow[0].scopes[0]", "not a value"},
    {"ScopeOfTheFuture", [](auto& r) { r.add_allow()->add_scopes(static_cast<v1::Scope>(77)); },
     "allow[0].scopes[0]", "not a value"},
    {"KindOfTheFuture", [](auto& r) { r.add_allow()->add_kinds(static_cast<v1::Kind>(77)); },
     "allow[0].kinds[0]", "not a value"},
    {"NumberWithCursor",
     [](auto& r) {
       r.set_cursor("node/ab/1");
       r.set_number(5);
     },
     "number", "cannot be given with a cursor"},
    {"NoCursor", [](auto& r) { r.set_cursor("nonsense"); }, "cursor", "not a cursor"},
    {"LongCursor", [](auto& r) { r.set_cursor(std::string(10'000, 'x')); }, "cursor", "that long"},
    {"TimeBeforeTime", [](auto& r) { r.mutable_since()->set_seconds(-1); }, "since", "1970"},
    {"NanosOfTwoSeconds", [](auto& r) { r.mutable_since()->set_nanos(2'000'000'000); }, "since",
     "is not a time"},
};
INSTANTIATE_TEST_SUITE_P(Rows, BadWatchTest, ::testing::ValuesIn(kRows),
                         [](const auto& row) { return std::string(row.param.name); });

TEST_F(ServiceTest, ARequestThatIsWrongInManyPlacesNamesSomeAndCountsAll) {
  v1::WatchEventsRequest request;
  for (int i = 0; i < 32; ++i) request.add_allow()->add_pods("");
  Call call = Watch(request);
  EXPECT_FALSE(call.Next().has_value());
  const grpc::Status status = call.reader->Finish();
  EXPECT_THAT(status.error_message(), HasSubstr("(and 31 more)"));
  EXPECT_EQ(DetailOf<google::rpc::BadRequest>(status)->field_violations_size(), 20);
}

struct ListRow {
  std::string_view name;
  std::function<void(v1::ListEventsRequest&)> damage;
  std::string_view field;
};

void PrintTo(const ListRow& row, std::ostream* out) { *out << row.name; }

class BadListTest : public ServiceTest, public ::testing::WithParamInterface<ListRow> {};

TEST_P(BadListTest, IsRefusedByTheNameOfItsField) {
  v1::ListEventsRequest request;
  GetParam().damage(request);
  v1::ListEventsResponse response;
  const grpc::Status status = List(request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  const auto detail = DetailOf<google::rpc::BadRequest>(status);
  ASSERT_TRUE(detail.has_value());
  EXPECT_EQ(detail->field_violations(0).field(), GetParam().field);
}

const ListRow kListRows[] = {
    {"LargePage", [](auto& r) { r.set_page_size(1001); }, "page_size"},
    {"LargeNumber", [](auto& r) { r.set_number(1001); }, "number"},
    {"TokenAndNumber",
     [](auto& r) {
       r.set_page_token("node/ab/1");
       r.set_number(1);
     },
     "page_token"},
    {"BadToken", [](auto& r) { r.set_page_token("x"); }, "page_token"},
    {"BadFilter", [](auto& r) { r.add_deny()->add_pods(""); }, "deny[0].pods[0]"},
};
INSTANTIATE_TEST_SUITE_P(Rows, BadListTest, ::testing::ValuesIn(kListRows),
                         [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace oomtrail::api
