#include "agent/kernel/kmsg_reader.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "agent/base/status.h"
#include "agent/base/strings.h"

namespace oomtrail::kernel {

absl::StatusOr<std::unique_ptr<KmsgReader>> KmsgReader::Open(const std::string& path,
                                                             OnRecord on_record) {
  base::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!fd.ok()) {
    return base::ErrnoStatus(errno, base::StrCat("open ", path, " (it takes CAP_SYSLOG)"));
  }
  if (::lseek(fd.get(), 0, SEEK_END) < 0) {
    return base::ErrnoStatus(errno, base::StrCat("seek to the end of ", path));
  }
  return std::unique_ptr<KmsgReader>(new KmsgReader(std::move(fd), std::move(on_record)));
}

uint64_t KmsgReader::Drain() {
  uint64_t overruns = 0;
  char record[8192];  // the kernel's own bound of a record, escapes included
  while (true) {
    const ssize_t got = ::read(fd_.get(), record, sizeof record);
    if (got > 0) {
      on_record_(std::string_view(record, static_cast<size_t>(got)));
    } else if (got < 0 && errno == EPIPE) {
      ++overruns;  // the next read continues with the oldest record still held
    } else if (got < 0 && errno == EINTR) {
      continue;
    } else {
      return overruns;
    }
  }
}

}  // namespace oomtrail::kernel
