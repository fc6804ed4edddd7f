// The certificates that gRPC serves with, replaced while it runs when the files change.
//
// gRPC 1.51 watches files itself, but takes whatever it finds: a half-written or wrong one costs
// the certificate that worked, and every handshake from then on. So it is shown memory files, which
// get a new content only after that has been checked. A wrong rotation is one line in the log, and
// the server goes on with what it had.
//
// Owned by the server. One thread looks at the files once a second; within another second gRPC has
// seen what is new.
#pragma once

#include <grpcpp/security/tls_certificate_provider.h>

#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "agent/api/tls_files.h"
#include "agent/base/log.h"
#include "agent/base/mutex.h"
#include "agent/base/unique_fd.h"

namespace oomtrail::api {

class LiveCertificates {
 public:
  // `log` has to outlive it.
  static absl::StatusOr<std::unique_ptr<LiveCertificates>> Open(const TlsFiles& files,
                                                                const base::Log& log);
  LiveCertificates(const LiveCertificates&) = delete;
  LiveCertificates& operator=(const LiveCertificates&) = delete;
  ~LiveCertificates();

  // Both the server's identity and its clients' authorities. Not to be asked for handshakes once
  // this has been destroyed.
  std::shared_ptr<grpc::experimental::CertificateProviderInterface> provider() const {
    return provider_;
  }

 private:
  LiveCertificates(TlsFiles files, const base::Log& log) : files_(std::move(files)), log_(log) {}

  // What tells one content of the three files from another without reading them.
  std::string Fingerprint() const;
  absl::Status Show(const CheckedTls& checked);
  void Watch();
  void Look();

  const TlsFiles files_;
  const base::Log& log_;

  // Memory files. Replaced whole, under the same number, so that gRPC's path stays the same.
  base::UniqueFd identity_;
  base::UniqueFd client_ca_;
  int64_t generation_ = 0;
  std::string fingerprint_;
  std::string shown_;
  std::shared_ptr<grpc::experimental::CertificateProviderInterface> provider_;

  base::Mutex mutex_;
  base::CondVar stopping_;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace oomtrail::api
