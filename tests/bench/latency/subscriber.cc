// subscriber ADDRESS COUNT: COUNT subscribers of the agent at ADDRESS. Prints "ready" when each is
// served, then a line "<pid> <latency_ns>" whenever one of them is told of a kill.
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "agent/base/clock.h"
#include "oomtrail/v1/event_service.grpc.pb.h"

namespace {

namespace v1 = oomtrail::v1;

void Subscribe(const std::string& address, std::atomic<size_t>& missing) {
  // A connection each, as subscribers in different processes have.
  grpc::ChannelArguments own;
  own.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  const auto stub = v1::EventService::NewStub(
      grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), own));
  v1::WatchEventsRequest request;
  request.set_follow(true);
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  const auto reader = stub->WatchEvents(&context, request);
  v1::WatchEventsResponse response;
  while (reader->Read(&response)) {
    const uint64_t now = oomtrail::base::SystemClock().BootNanos();
    if (response.has_event()) {
      std::printf("%u %llu\n", response.event().victim().pid(),
                  static_cast<unsigned long long>(now - response.event().boot_time_ns()));
      std::fflush(stdout);
    } else if (response.bookmark().live() && missing.fetch_sub(1) == 1) {
      std::puts("ready");
      std::fflush(stdout);
    }
  }
  std::fprintf(stderr, "%s\n", reader->Finish().error_message().c_str());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const size_t count = std::strtoul(argv[2], nullptr, 10);
  std::atomic<size_t> missing = count;
  std::vector<std::thread> others;
  for (size_t i = 1; i < count; ++i) {
    others.emplace_back([&missing, address = argv[1]] { Subscribe(address, missing); });
  }
  Subscribe(argv[1], missing);
  std::ranges::for_each(others, &std::thread::join);
}
