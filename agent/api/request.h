// Requests checked and turned into what the stream understands. Pure, thread-safe.
//
// Requests are untrusted: everything has a bound, and what is wrong is named by its field.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/publish/event_filter.h"
#include "agent/publish/stream.h"
#include "google/protobuf/timestamp.pb.h"
#include "grpcpp/support/status.h"
#include "oomtrail/v1/event_service.pb.h"
#include "oomtrail/v1/node_service.pb.h"

namespace oomtrail::api {

inline constexpr int kMaxFilters = 32;
inline constexpr int kMaxValues = 64;
inline constexpr size_t kMaxValueBytes = 512;
inline constexpr uint32_t kDefaultPage = 100;
inline constexpr uint32_t kMaxPage = 1000;

// What is wrong with a request, field by field: "allow[0].pods[2]".
class Violations {
 public:
  void Add(std::string field, std::string description) {
    fields_.emplace_back(std::move(field), std::move(description));
  }
  bool empty() const { return fields_.empty(); }
  // INVALID_ARGUMENT with a google.rpc.BadRequest.
  grpc::Status ToStatus() const;

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

publish::EventSelection ReadSelection(const google::protobuf::RepeatedPtrField<v1::Filter>& allow,
                                      const google::protobuf::RepeatedPtrField<v1::Filter>& deny,
                                      Violations& violations);
int64_t ReadTime(const google::protobuf::Timestamp& time, std::string_view field,
                 Violations& violations);
uint32_t ReadPageSize(uint32_t page_size, Violations& violations);
void CheckValues(const google::protobuf::RepeatedPtrField<std::string>& values,
                 const std::string& field, Violations& violations);

// The sequence after a cursor that came in `field`, or the status to end the call with: its field
// is named, or, where the journal holds it no more, the oldest cursor it does hold.
grpc::Status ReadCursor(const publish::Stream& stream, const std::string& cursor,
                        std::string_view field, uint64_t* after);

}  // namespace oomtrail::api
