#include "agent/api/live_certificates.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <string_view>
#include <utility>

#include "agent/base/status.h"
#include "agent/base/strings.h"

namespace oomtrail::api {
namespace {

constexpr std::chrono::seconds kLookEvery{1};
constexpr unsigned kGrpcLooksEverySeconds = 1;

std::string PathOf(const base::UniqueFd& file) {
  return base::StrCat("/proc/self/fd/", file.get());
}

// A memory file of this content. gRPC reads the identity twice, for the key and for the
// certificates, and knows by the time of the last change whether both were of one content: each
// generation has a time of its own.
absl::StatusOr<base::UniqueFd> MemoryFile(std::string_view content, int64_t generation) {
  base::UniqueFd file(::memfd_create("oomtrail-tls", MFD_CLOEXEC));
  if (!file.ok()) return base::ErrnoStatus(errno, "memfd_create");
  const ssize_t written = ::write(file.get(), content.data(), content.size());
  if (written != static_cast<ssize_t>(content.size())) {
    return base::ErrnoStatus(written < 0 ? errno : ENOSPC, "write to a memory file");
  }
  const timespec time{.tv_sec = generation, .tv_nsec = 0};
  const timespec times[] = {time, time};
  if (::futimens(file.get(), times) != 0) return base::ErrnoStatus(errno, "futimens");
  return file;
}

// Puts `made` in the place of `shown`: whoever opens the path gets one or the other, whole.
absl::Status Replace(base::UniqueFd made, base::UniqueFd* shown) {
  if (!shown->ok()) {
    *shown = std::move(made);
    return absl::OkStatus();
  }
  if (::dup3(made.get(), shown->get(), O_CLOEXEC) < 0) return base::ErrnoStatus(errno, "dup3");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<LiveCertificates>> LiveCertificates::Open(const TlsFiles& files,
                                                                         const base::Log& log) {
  std::unique_ptr<LiveCertificates> live(new LiveCertificates(files, log));
  // Before the reading: what changes meanwhile is then seen as a change.
  live->fingerprint_ = live->Fingerprint();
  ASSIGN_OR_RETURN(const CheckedTls checked, LoadTlsFiles(files));
  RETURN_IF_ERROR(live->Show(checked));
  live->provider_ = std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(
      PathOf(live->identity_), PathOf(live->identity_), PathOf(live->client_ca_),
      kGrpcLooksEverySeconds);
  log.Info(base::StrCat("TLS: ", files.certificate, ", ", checked.summary));
  live->thread_ = std::thread([raw = live.get()] { raw->Watch(); });
  return live;
}

LiveCertificates::~LiveCertificates() {
  {
    const base::MutexLock lock(mutex_);
    stop_ = true;
  }
  stopping_.NotifyAll();
  if (thread_.joinable()) thread_.join();
}

std::string LiveCertificates::Fingerprint() const {
  std::string all;
  for (const std::string* path : {&files_.certificate, &files_.key, &files_.client_ca}) {
    struct stat found {};
    if (::stat(path->c_str(), &found) != 0) {
      base::StrAppend(&all, "absent ");
      continue;
    }
    base::StrAppend(&all, found.st_dev, ":", found.st_ino, ":", found.st_size, ":",
                    found.st_mtim.tv_sec, ".", found.st_mtim.tv_nsec, " ");
  }
  return all;
}

absl::Status LiveCertificates::Show(const CheckedTls& checked) {
  ++generation_;
  ASSIGN_OR_RETURN(base::UniqueFd identity, MemoryFile(checked.identity_pem, generation_));
  ASSIGN_OR_RETURN(base::UniqueFd client_ca, MemoryFile(checked.client_ca_pem, generation_));
  RETURN_IF_ERROR(Replace(std::move(identity), &identity_));
  RETURN_IF_ERROR(Replace(std::move(client_ca), &client_ca_));
  shown_ = checked.summary;
  return absl::OkStatus();
}

void LiveCertificates::Watch() {
  while (true) {
    {
      const base::MutexLock lock(mutex_);
      const auto until = std::chrono::steady_clock::now() + kLookEvery;
      while (!stop_ && std::chrono::steady_clock::now() < until) {
        stopping_.WaitFor(mutex_, until - std::chrono::steady_clock::now());
      }
      if (stop_) return;
    }
    Look();
  }
}

void LiveCertificates::Look() {
  std::string fingerprint = Fingerprint();
  if (fingerprint == fingerprint_) return;
  fingerprint_ = std::move(fingerprint);
  const absl::StatusOr<CheckedTls> checked = LoadTlsFiles(files_);
  if (!checked.ok()) {
    log_.Warn(base::StrCat("TLS: the new files are not used, the server keeps its certificate of ",
                           shown_, ": ", checked.status().message()));
    return;
  }
  if (const absl::Status shown = Show(*checked); !shown.ok()) {
    fingerprint_.clear();  // again in a second
    log_.Warn(base::StrCat("TLS: the new files could not be taken over: ", shown.message()));
    return;
  }
  log_.Info(base::StrCat("TLS: reloaded ", files_.certificate, ", ", shown_));
}

}  // namespace oomtrail::api
