#include "agent/api/request.h"

#include "agent/base/strings.h"
#include "agent/publish/event_proto.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace oomtrail::api {
namespace {

using google::protobuf::RepeatedPtrField;

grpc::Status WithDetail(grpc::StatusCode code, const std::string& message,
                        const google::protobuf::Message& detail) {
  google::rpc::Status status;
  status.set_code(code);
  status.set_message(message);
  status.add_details()->PackFrom(detail);
  return {code, message, status.SerializeAsString()};
}

void CheckValue(const std::string& value, const std::string& field, Violations& violations) {
  if (value.empty()) {
    violations.Add(field, "is empty: leave it out to match everything");
  } else if (value.size() > kMaxValueBytes) {
    violations.Add(field,
                   base::StrCat("has ", value.size(), " bytes; ", kMaxValueBytes, " are allowed"));
  }
}

void CheckCount(int count, const std::string& field, int most, Violations& violations) {
  if (count > most) {
    violations.Add(field, base::StrCat("has ", count, " values; ", most, " are allowed"));
  }
}

std::vector<std::string> Texts(const RepeatedPtrField<std::string>& values,
                               const std::string& field, Violations& violations) {
  CheckValues(values, field, violations);
  return {values.begin(), values.end()};
}

std::vector<std::string> Patterns(const RepeatedPtrField<std::string>& values,
                                  const std::string& field, Violations& violations) {
  for (int i = 0; i < values.size() && i < kMaxValues; ++i) {
    const size_t star = values[i].find('*');
    if (star != std::string::npos && star + 1 != values[i].size()) {
      violations.Add(base::StrCat(field, "[", i, "]"), "has a * that is not at its end");
    }
  }
  return Texts(values, field, violations);
}

template <typename Model, typename Wire>
std::vector<Model> Enums(const google::protobuf::RepeatedField<int>& values,
                         const std::string& field, Violations& violations) {
  CheckCount(values.size(), field, kMaxValues, violations);
  std::vector<Model> known;
  for (int i = 0; i < values.size() && i < kMaxValues; ++i) {
    const auto value = publish::FromProto(static_cast<Wire>(values[i]));
    if (value) {
      known.push_back(*value);
    } else {
      violations.Add(base::StrCat(field, "[", i, "]"), "is not a value that this agent knows");
    }
  }
  return known;
}

publish::EventFilter ReadFilter(const v1::Filter& in, const std::string& field,
                                Violations& violations) {
  publish::EventFilter filter;
  filter.namespaces = Texts(in.namespaces(), field + ".namespaces", violations);
  filter.pods = Patterns(in.pods(), field + ".pods", violations);
  filter.containers = Texts(in.containers(), field + ".containers", violations);
  filter.workloads = Texts(in.workloads(), field + ".workloads", violations);
  CheckCount(static_cast<int>(in.labels().size()), field + ".labels", kMaxValues, violations);
  if (in.labels().size() <= static_cast<size_t>(kMaxValues)) {
    for (const auto& [key, value] : in.labels()) {
      CheckValue(key, field + ".labels", violations);
      if (value.size() > kMaxValueBytes) violations.Add(field + ".labels", "has a value too long");
      filter.labels.emplace_back(key, value);
    }
  }
  filter.scopes = Enums<model::Scope, v1::Scope>(in.scopes(), field + ".scopes", violations);
  filter.kinds = Enums<model::Kind, v1::Kind>(in.kinds(), field + ".kinds", violations);
  return filter;
}

std::vector<publish::EventFilter> ReadFilters(const RepeatedPtrField<v1::Filter>& in,
                                              const std::string& field, Violations& violations) {
  CheckCount(in.size(), field, kMaxFilters, violations);
  std::vector<publish::EventFilter> filters;
  for (int i = 0; i < in.size() && i < kMaxFilters; ++i) {
    filters.push_back(ReadFilter(in[i], base::StrCat(field, "[", i, "]"), violations));
  }
  return filters;
}

}  // namespace

grpc::Status Violations::ToStatus() const {
  if (fields_.empty()) return grpc::Status::OK;
  // A request can be wrong in thousands of places; nobody reads more than a few.
  constexpr size_t kMost = 20;
  google::rpc::BadRequest detail;
  for (size_t i = 0; i < fields_.size() && i < kMost; ++i) {
    auto* violation = detail.add_field_violations();
    violation->set_field(fields_[i].first);
    violation->set_description(fields_[i].second);
  }
  std::string message = base::StrCat(fields_[0].first, " ", fields_[0].second);
  if (fields_.size() > 1) base::StrAppend(&message, " (and ", fields_.size() - 1, " more)");
  return WithDetail(grpc::StatusCode::INVALID_ARGUMENT, message, detail);
}

publish::EventSelection ReadSelection(const RepeatedPtrField<v1::Filter>& allow,
                                      const RepeatedPtrField<v1::Filter>& deny,
                                      Violations& violations) {
  return {.allow = ReadFilters(allow, "allow", violations),
          .deny = ReadFilters(deny, "deny", violations)};
}

void CheckValues(const RepeatedPtrField<std::string>& values, const std::string& field,
                 Violations& violations) {
  CheckCount(values.size(), field, kMaxValues, violations);
  for (int i = 0; i < values.size() && i < kMaxValues; ++i) {
    CheckValue(values[i], base::StrCat(field, "[", i, "]"), violations);
  }
}

int64_t ReadTime(const google::protobuf::Timestamp& time, std::string_view field,
                 Violations& violations) {
  constexpr int64_t kNanosPerSecond = 1'000'000'000;
  constexpr int64_t kMaxSeconds = 4'102'444'800;  // the year 2100
  if (time.seconds() < 0 || time.seconds() > kMaxSeconds || time.nanos() < 0 ||
      time.nanos() >= kNanosPerSecond) {
    violations.Add(std::string(field), "is not a time between 1970 and 2100");
    return 0;
  }
  return time.seconds() * kNanosPerSecond + time.nanos();
}

uint32_t ReadPageSize(uint32_t page_size, Violations& violations) {
  if (page_size > kMaxPage) {
    violations.Add("page_size", base::StrCat("is ", page_size, "; ", kMaxPage, " are allowed"));
  }
  return page_size == 0 ? kDefaultPage : page_size;
}

grpc::Status ReadCursor(const publish::Stream& stream, const std::string& cursor,
                        std::string_view field, uint64_t* after) {
  const auto resolved = stream.ResolveCursor(cursor);
  if (resolved.ok()) {
    *after = *resolved;
    return grpc::Status::OK;
  }
  const std::string message(resolved.status().message());
  if (!absl::IsOutOfRange(resolved.status())) {
    Violations violations;
    violations.Add(std::string(field), base::StrCat("is ", message));
    return violations.ToStatus();
  }
  google::rpc::ErrorInfo detail;
  detail.set_reason("CURSOR_EXPIRED");
  detail.set_domain("oomtrail");
  const std::string oldest = stream.OldestCursor();
  (*detail.mutable_metadata())["oldest_cursor"] = oldest;
  return WithDetail(grpc::StatusCode::OUT_OF_RANGE,
                    base::StrCat(message, "; the oldest cursor held is ", oldest), detail);
}

}  // namespace oomtrail::api
