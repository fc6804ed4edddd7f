// Copies lines from stdin to stdout, each with the time it was read in front: "<boot_ns> <line>".
// A static program, for a guest.
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <ctime>
#include <string>

int main() {
  char bytes[65536];
  std::string rest;
  for (ssize_t got; (got = ::read(STDIN_FILENO, bytes, sizeof bytes)) > 0;) {
    timespec now{};
    ::clock_gettime(CLOCK_BOOTTIME, &now);
    const auto nanos =
        static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
    rest.append(bytes, static_cast<size_t>(got));
    for (size_t end; (end = rest.find('\n')) != std::string::npos; rest.erase(0, end + 1)) {
      std::printf("%llu %s\n", static_cast<unsigned long long>(nanos), rest.substr(0, end).c_str());
    }
    std::fflush(stdout);
  }
  return 0;
}
