// Strangers in numbers: what they cost, and that a good subscriber does not notice them.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <unistd.h>

#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "agent/api/grpc_server.h"
#include "agent/base/strings.h"
#include "tests/fakes/temp_dir.h"
#include "tests/unit/api/grpc_client.h"
#include "tests/unit/api/sockets.h"

namespace oomtrail::api {
namespace {

constexpr size_t kConnects = 10'000;
constexpr size_t kBatch = 100;
// Beyond gRPC's 5 s for a handshake.
constexpr std::chrono::milliseconds kHandshakePatience(15'000);

size_t KilobytesOf(const std::string& what) {
  std::ifstream in("/proc/self/status");
  std::string word;
  size_t value = 0;
  while (in >> word) {
    if (word == what && in >> value) return value;
  }
  return 0;
}

size_t Resident() { return KilobytesOf("VmRSS:"); }

class FloodTest : public testing::Test {
 protected:
  FloodTest() : null_(::open("/dev/null", O_WRONLY | O_CLOEXEC)) {
    options_.listen = {base::StrCat("unix://", directory_ / "oomtrail.sock"), "127.0.0.1:0"};
    options_.insecure = true;
  }
  void Start() {
    auto server = GrpcServer::Start(options_, {}, log_);
    ASSERT_TRUE(server.ok()) << server.status().message();
    server_ = *std::move(server);
    server_->SetServing(true);
  }
  std::string Health(size_t address) {
    return CheckHealth(OpenChannel(server_->addresses()[address]));
  }
  bool Left(size_t connections) {
    return Eventually([&] { return server_->counts().connections == connections; });
  }

  fakes::TempDir directory_;
  base::UniqueFd null_;
  base::Log log_{base::LogFormat::kText, null_.get()};
  ServingOptions options_;
  std::unique_ptr<GrpcServer> server_;
};

TEST_F(FloodTest, HalfOpenConnectionsAreBoundedAndEnd) {
  options_.max_connections = 16;
  Start();
  ASSERT_EQ(Health(0), "SERVING");
  ASSERT_TRUE(Left(0));
  const size_t before = OpenDescriptors();
  // 14 of the 16 places are for TCP.
  std::vector<base::UniqueFd> silent;
  for (int i = 0; i < 14; ++i) silent.push_back(Connect(server_->addresses()[1]));
  ASSERT_TRUE(Left(14));
  for (int i = 0; i < 50; ++i) {
    const base::UniqueFd beyond = Connect(server_->addresses()[1]);
    ASSERT_TRUE(EndsWithin(beyond.get(), kGenerous));
  }
  EXPECT_GE(server_->counts().refused, 50U);
  EXPECT_EQ(Health(0), "SERVING") << "a place is kept for the unix socket";

  for (const base::UniqueFd& fd : silent) EXPECT_TRUE(EndsWithin(fd.get(), kHandshakePatience));
  EXPECT_TRUE(Left(0));
  silent.clear();
  EXPECT_EQ(Health(1), "SERVING");
  EXPECT_TRUE(Left(0));
  EXPECT_TRUE(Eventually([&] { return OpenDescriptors() == before; }));
}

TEST_F(FloodTest, TenThousandConnectionsDoNotDisturbASubscriber) {
  Start();
  ASSERT_EQ(Health(0), "SERVING");
  ASSERT_EQ(Health(1), "SERVING");
  ASSERT_TRUE(Left(0));
  HealthWatch subscriber(OpenChannel(server_->addresses()[0]));
  ASSERT_EQ(subscriber.Next(), "SERVING");
  const size_t descriptors = OpenDescriptors();
  const size_t resident = Resident();
  std::chrono::steady_clock::duration slowest{};

  size_t highest = 0;
  bool serving = true;
  std::vector<base::UniqueFd> batch;
  for (size_t done = 0; done < kConnects; done += kBatch) {
    batch.clear();
    for (size_t i = 0; i < kBatch; ++i) {
      batch.push_back(Connect(server_->addresses()[i % 2]));
      // Some of each kind: silent, talking nonsense, gone at once.
      if (i % 3 == 0) ::send(batch.back().get(), "GET / HTTP/1.1\r\n\r\n", 18, MSG_NOSIGNAL);
      if (i % 3 == 1) batch.back().Reset();
    }
    serving = !serving;
    const auto before = std::chrono::steady_clock::now();
    server_->SetServing(serving);
    ASSERT_EQ(subscriber.Next(), serving ? "SERVING" : "NOT_SERVING");
    slowest = std::max(slowest, std::chrono::steady_clock::now() - before);
    highest = std::max(highest, Resident());
  }
  batch.clear();
  server_->SetServing(true);
  EXPECT_TRUE(Left(1)) << server_->counts().connections;
  EXPECT_TRUE(Eventually([&] { return OpenDescriptors() == descriptors; })) << OpenDescriptors();
  EXPECT_EQ(Health(1), "SERVING");
  const auto counts = server_->counts();
  EXPECT_GE(counts.accepted + counts.refused, kConnects);
  EXPECT_LT(slowest, std::chrono::seconds(2));
  std::cout << "resident kB before " << resident << ", highest " << highest << ", after "
            << Resident() << "; slowest event "
            << std::chrono::duration_cast<std::chrono::microseconds>(slowest).count()
            << " us; accepted " << counts.accepted << ", refused " << counts.refused << "\n";
}

TEST_F(FloodTest, EveryPlaceTakenByQuietConnectionsCostsLittle) {
  Start();
  ASSERT_EQ(Health(0), "SERVING");
  const size_t before = Resident();
  std::vector<std::shared_ptr<grpc::Channel>> channels;
  std::vector<base::UniqueFd> quiet;
  // An HTTP/2 client's first words: connected for good, until it has been idle for a minute.
  const std::string preface("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 24 + 9);
  while (server_->counts().connections < options_.max_connections && quiet.size() < 400) {
    quiet.push_back(Connect(server_->addresses()[0]));
    ::send(quiet.back().get(), preface.data(), preface.size(), MSG_NOSIGNAL);
    ASSERT_TRUE(Eventually([&] {
      const auto counts = server_->counts();
      return counts.accepted + counts.refused > quiet.size();
    }));
  }
  EXPECT_GE(quiet.size(), 318U);
  std::cout << "resident kB before " << before << ", with " << quiet.size() << " quiet connections "
            << Resident() << ", threads " << KilobytesOf("Threads:") << "\n";
  const base::UniqueFd beyond = Connect(server_->addresses()[0]);
  EXPECT_TRUE(EndsWithin(beyond.get(), kGenerous));
  quiet.clear();
  EXPECT_TRUE(Left(0));
  EXPECT_EQ(Health(0), "SERVING");
}

}  // namespace
}  // namespace oomtrail::api
