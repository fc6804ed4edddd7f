// One GET over a connection that is already there: cpp-httplib writes the request and reads the
// framing of the answer, this bounds what it may read. Used by one thread.
#pragma once

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "agent/attribute/kubelet_url.h"
#include "agent/attribute/tls_connection.h"

namespace oomtrail::attribute {

struct HttpAnswer {
  int status = 0;
  std::string content_type;
  std::string content_encoding;
  std::string body;  // of any status but 200 only the beginning
};

// An answer of any status, or why there is none: RESOURCE_EXHAUSTED over a bound, DATA_LOSS if it
// was cut short, UNAVAILABLE if nothing came, INVALID_ARGUMENT if it is not HTTP, or what the
// connection said.
absl::StatusOr<HttpAnswer> HttpGet(TlsConnection& connection, const KubeletUrl& url,
                                   const std::string& authorization, size_t max_body_bytes);

}  // namespace oomtrail::attribute
