// Pod and container names from the node's container runtime, over its CRI v1 socket.
//
// One gRPC channel for life, which reconnects within a second of the runtime's return. List() asks
// for the version (once), the containers and the sandboxes; each call has the deadline.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "agent/attribute/key_list.h"
#include "agent/attribute/name_source.h"

namespace oomtrail::attribute {

struct CriOptions {
  std::string socket_path;
  ShownMetadata shown;
  std::chrono::milliseconds call_deadline{2000};
  int max_answer_bytes = 16 << 20;
};

class CriSource final : public NameSource {
 public:
  explicit CriSource(CriOptions options);
  ~CriSource() override;

  std::string_view name() const override { return "cri"; }
  std::string_view where() const override { return where_; }
  RefreshPacing pacing() const override { return kRuntimePacing; }
  absl::StatusOr<Listing> List() override;
  void Cancel() override;

 private:
  class Rpc;

  absl::StatusOr<Listing> Ask();

  const CriOptions options_;
  const std::string where_;
  std::optional<model::Runtime> runtime_;
  bool version_known_ = false;
  std::unique_ptr<Rpc> rpc_;
};

}  // namespace oomtrail::attribute
