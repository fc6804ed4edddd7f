#include "agent/api/acceptor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <list>
#include <utility>

#include "agent/base/mutex.h"
#include "agent/base/strings.h"
#include "tests/fakes/temp_dir.h"
#include "tests/unit/api/sockets.h"

namespace oomtrail::api {
namespace {

// What stands in gRPC's place: keeps the sockets until told to end them, as gRPC does it.
class Holder {
 public:
  void Take(int fd) {
    const base::MutexLock lock(mutex_);
    held_.emplace_back(fd);
    changed_.NotifyAll();
  }
  bool WaitFor(size_t count) {
    const auto until = std::chrono::steady_clock::now() + kGenerous;
    const base::MutexLock lock(mutex_);
    while (held_.size() < count) {
      if (std::chrono::steady_clock::now() > until) return false;
      changed_.WaitFor(mutex_, std::chrono::milliseconds(100));
    }
    return true;
  }
  size_t held() {
    const base::MutexLock lock(mutex_);
    return held_.size();
  }
  void ShutDownFirst() {
    const base::MutexLock lock(mutex_);
    ::shutdown(held_.front().get(), SHUT_RDWR);
  }
  void CloseFirst() {
    const base::MutexLock lock(mutex_);
    held_.pop_front();
  }
  void EndAll() {
    const base::MutexLock lock(mutex_);
    for (const base::UniqueFd& fd : held_) ::shutdown(fd.get(), SHUT_RDWR);
    held_.clear();
  }

 private:
  base::Mutex mutex_;
  base::CondVar changed_;
  std::list<base::UniqueFd> held_ ABSL_GUARDED_BY(mutex_);
};

class AcceptorTest : public testing::Test {
 protected:
  void Start(const std::vector<std::string>& listen, size_t max_connections) {
    std::vector<Acceptor::Door> doors;
    for (const std::string& text : listen) {
      auto listener = Listener::Open(*ParseListenAddress(text));
      ASSERT_TRUE(listener.ok()) << listener.status().message();
      where_.push_back(listener->address().ToString());
      doors.push_back({*std::move(listener), [this](int fd) { holder_.Take(fd); }});
    }
    auto acceptor = Acceptor::Start(std::move(doors), max_connections);
    ASSERT_TRUE(acceptor.ok()) << acceptor.status().message();
    acceptor_ = *std::move(acceptor);
  }
  void Open(size_t door, size_t count) {
    for (size_t i = 0; i < count; ++i) clients_.push_back(Connect(where_[door]));
  }
  bool Open(size_t connections) {
    return Eventually([&] { return acceptor_->counts().connections == connections; });
  }
  std::string Socket() const { return base::StrCat("unix://", directory_ / "a.sock"); }

  fakes::TempDir directory_;
  Holder holder_;
  std::vector<std::string> where_;
  std::vector<base::UniqueFd> clients_;
  std::unique_ptr<Acceptor> acceptor_;
};

TEST_F(AcceptorTest, HandsOverEveryConnection) {
  Start({Socket(), "127.0.0.1:0"}, 16);
  Open(0, 2);
  Open(1, 3);
  EXPECT_TRUE(holder_.WaitFor(5));
  EXPECT_TRUE(Open(5));
  EXPECT_EQ(acceptor_->counts().accepted, 5U);
  EXPECT_EQ(acceptor_->counts().refused, 0U);
}

TEST_F(AcceptorTest, ClosesAtOnceWhatIsBeyondTheLimit) {
  Start({"127.0.0.1:0"}, 16);
  Open(0, 16);
  ASSERT_TRUE(holder_.WaitFor(16));
  for (int i = 0; i < 100; ++i) {
    const base::UniqueFd beyond = Connect(where_[0]);
    EXPECT_TRUE(EndsWithin(beyond.get(), kGenerous));
  }
  EXPECT_EQ(holder_.held(), 16U);
  EXPECT_TRUE(Eventually([&] { return acceptor_->counts().refused == 100; }));
}

TEST_F(AcceptorTest, KeepsPlacesForUnixSockets) {
  Start({"127.0.0.1:0", Socket()}, 16);
  Open(0, 30);
  EXPECT_TRUE(Eventually([&] { return acceptor_->counts().refused == 16; }));
  EXPECT_EQ(holder_.held(), 14U);
  Open(1, 2);
  EXPECT_TRUE(holder_.WaitFor(16));
  const base::UniqueFd beyond = Connect(where_[1]);
  EXPECT_TRUE(EndsWithin(beyond.get(), kGenerous));
}

TEST_F(AcceptorTest, TheOtherSideSeesItsConnectionEnd) {
  for (const std::string& where : {Socket(), std::string("127.0.0.1:0")}) {
    where_.clear();
    Start({where}, 16);
    Open(0, 1);
    ASSERT_TRUE(holder_.WaitFor(1));
    holder_.EndAll();
    EXPECT_TRUE(EndsWithin(clients_.back().get(), kGenerous)) << where;
    EXPECT_TRUE(Open(0)) << where;
    acceptor_.reset();
  }
}

TEST_F(AcceptorTest, APlaceIsFreeOnlyWhenTheSocketHandedOverIsClosed) {
  Start({Socket()}, 8);
  Open(0, 8);
  ASSERT_TRUE(holder_.WaitFor(8));
  holder_.ShutDownFirst();
  ASSERT_TRUE(EndsWithin(clients_.front().get(), kGenerous));
  // The hang-up has been seen before what comes later is accepted, for it is older.
  const base::UniqueFd early = Connect(where_[0]);
  EXPECT_TRUE(EndsWithin(early.get(), kGenerous));
  EXPECT_EQ(acceptor_->counts().connections, 8U);
  holder_.CloseFirst();
  EXPECT_TRUE(Open(7));
  Open(0, 1);
  EXPECT_TRUE(holder_.WaitFor(8));
}

TEST_F(AcceptorTest, LeavesNoDescriptorBehind) {
  Start({Socket(), "127.0.0.1:0"}, 64);
  const size_t before = OpenDescriptors();
  for (int round = 0; round < 20; ++round) {
    Open(0, 20);
    Open(1, 20);
    ASSERT_TRUE(holder_.WaitFor(40));
    if (round % 2 == 0) clients_.clear();
    holder_.EndAll();
    clients_.clear();
    ASSERT_TRUE(Open(0));
  }
  EXPECT_EQ(OpenDescriptors(), before);
}

TEST_F(AcceptorTest, StoppingRemovesTheSocketAndKeepsWhatIsConnected) {
  Start({Socket()}, 8);
  Open(0, 1);
  ASSERT_TRUE(holder_.WaitFor(1));
  acceptor_->StopAccepting();
  EXPECT_FALSE(std::filesystem::exists(directory_ / "a.sock"));
  EXPECT_FALSE(EndsWithin(clients_.front().get(), std::chrono::milliseconds(0)));
  acceptor_->EndConnections();
  EXPECT_TRUE(EndsWithin(clients_.front().get(), kGenerous));
  EXPECT_EQ(acceptor_->counts().connections, 0U);
}

// The processor time of this process.
std::chrono::microseconds Spent() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  return std::chrono::seconds(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
         std::chrono::microseconds(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

TEST_F(AcceptorTest, WithoutDescriptorsItWaitsIdlyAndGoesOn) {
  Start({"127.0.0.1:0"}, 8);
  std::vector<base::UniqueFd> clients;
  for (int i = 0; i < 4; ++i) clients.emplace_back(::socket(AF_INET, SOCK_STREAM, 0));
  // One descriptor is left: enough to accept, not for the duplicate.
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  std::vector<base::UniqueFd> filler;
  const int highest = ::dup(0);
  filler.emplace_back(highest);
  rlimit few = before;
  few.rlim_cur = static_cast<rlim_t>(highest) + 2;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);

  const ListenAddress to = *ParseListenAddress(where_[0]);
  for (const base::UniqueFd& client : clients) {
    ASSERT_EQ(
        ::connect(client.get(), reinterpret_cast<const sockaddr*>(&to.address), to.address_size),
        0);
  }
  const auto spent_before = Spent();
  EXPECT_TRUE(EndsWithin(clients[0].get(), kGenerous));
  EXPECT_TRUE(EndsWithin(clients[3].get(), kGenerous));
  EXPECT_LT(Spent() - spent_before, std::chrono::milliseconds(200));
  EXPECT_EQ(acceptor_->counts().refused, 4U);

  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  Open(0, 1);
  EXPECT_TRUE(holder_.WaitFor(1));
}

}  // namespace
}  // namespace oomtrail::api
