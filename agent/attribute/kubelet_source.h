// Pod and container names, owners and QoS from the node's kubelet, over HTTPS.
//
// One request, one connection. The token and the authority's file are read anew each time, since
// both are rotated under us. What the server sends is bounded in size and in time before any of it
// is understood; an error names what was asked, where, and the remedy.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include "agent/attribute/bounded_wait.h"
#include "agent/attribute/host_lookup.h"
#include "agent/attribute/key_list.h"
#include "agent/attribute/kubelet_url.h"
#include "agent/attribute/name_source.h"
#include "agent/attribute/tls_connection.h"

namespace oomtrail::attribute {

struct KubeletOptions {
  Trust trust;             // --kubelet-ca, or an explicit wish for none
  std::string token_file;  // --kubelet-token-file; empty: no token is sent
  ShownMetadata shown;
  std::chrono::milliseconds idle_timeout{3000};
  std::chrono::milliseconds total_timeout{10'000};
  size_t max_body_bytes = 64 << 20;
};

class KubeletSource final : public NameSource {
 public:
  KubeletSource(KubeletUrl url, KubeletOptions options, Resolver resolver = SystemResolver);

  // Whether the files can be used as they are now: for the start, when a wrong flag ends the agent.
  absl::Status CheckFiles() const;

  std::string_view name() const override { return "kubelet"; }
  std::string_view where() const override { return where_; }
  RefreshPacing pacing() const override { return kKubeletPacing; }
  absl::StatusOr<Listing> List() override;
  void Cancel() override { cancel_.Raise(); }

 private:
  absl::StatusOr<Listing> Ask();
  // The value of the Authorization header; empty without a token file.
  absl::StatusOr<std::string> Authorization() const;

  const KubeletUrl url_;
  const KubeletOptions options_;
  const std::string where_;
  HostLookup lookup_;
  CancelSignal cancel_;
};

}  // namespace oomtrail::attribute
