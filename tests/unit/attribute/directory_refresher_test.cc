#include "agent/attribute/directory_refresher.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_name_source.h"
#include "tests/unit/attribute/samples.h"

namespace oomtrail::attribute {
namespace {

using fakes::FakeNameSource;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

using SteadyClock = std::chrono::steady_clock;

constexpr seconds kGenerous(30);

class DirectoryRefresherTest : public testing::Test {
 protected:
  DirectoryRefresherTest() {
    EXPECT_EQ(::pipe2(log_pipe_, O_CLOEXEC | O_NONBLOCK), 0);
    log_.emplace(base::LogFormat::kText, log_pipe_[1]);
    refresher_.emplace(directory_, clock_, *log_, [this](uint64_t generation) {
      base::MutexLock lock(mutex_);
      generations_.push_back(generation);
      changed_.NotifyAll();
    });
  }
  ~DirectoryRefresherTest() override {
    refresher_.reset();
    ::close(log_pipe_[0]);
    ::close(log_pipe_[1]);
  }

  FakeNameSource& Add(const std::string& name) {
    auto source = std::make_unique<FakeNameSource>(name);
    FakeNameSource& reference = *source;
    refresher_->AddSource(std::move(source));
    return reference;
  }

  bool WaitForGeneration(uint64_t generation) {
    const auto give_up = SteadyClock::now() + kGenerous;
    base::MutexLock lock(mutex_);
    while (generations_.empty() || generations_.back() < generation) {
      if (SteadyClock::now() >= give_up) return false;
      changed_.WaitFor(mutex_, seconds(1));
    }
    return true;
  }

  // Until the first source was asked `count` times and what came of it is noted: only then has the
  // next try its time, and the clock may move.
  bool WaitForTries(uint64_t count) {
    const auto give_up = SteadyClock::now() + kGenerous;
    while (SteadyClock::now() < give_up) {
      const SourceState state = refresher_->States().front();
      uint64_t tries = state.successes;
      for (const auto& [code, failures] : state.failures) tries += failures;
      if (tries >= count) return true;
      std::this_thread::yield();
    }
    return false;
  }

  // Moves the clock and makes the threads look at it.
  void Elapse(std::chrono::nanoseconds by) {
    clock_.Advance(by);
    refresher_->Request();
  }

  std::string Logged() {
    std::string text;
    char buffer[4096];
    ssize_t got = 0;
    while ((got = ::read(log_pipe_[0], buffer, sizeof buffer)) > 0) {
      text.append(buffer, static_cast<size_t>(got));
    }
    return text;
  }

  fakes::FakeClock clock_;
  PodDirectory directory_{clock_, {"cri", "kubelet"}};
  int log_pipe_[2] = {-1, -1};
  std::optional<base::Log> log_;
  std::optional<DirectoryRefresher> refresher_;

  base::Mutex mutex_;
  base::CondVar changed_;
  std::vector<uint64_t> generations_ ABSL_GUARDED_BY(mutex_);
};

TEST_F(DirectoryRefresherTest, FillsTheDirectoryAtTheStart) {
  Add("cri").Answer(Of({Pod("cart", 'a', "1")}));
  refresher_->Start();
  ASSERT_TRUE(WaitForGeneration(1));
  EXPECT_TRUE(directory_.Find(Id('1')));
  refresher_->Stop();
  EXPECT_THAT(Logged(), HasSubstr("names from cri here: 1 pods, 1 containers"));
}

TEST_F(DirectoryRefresherTest, AsksAgainOnceAPeriod) {
  FakeNameSource& source = Add("cri");
  refresher_->Start();
  ASSERT_TRUE(WaitForGeneration(1));
  Elapse(seconds(40));
  EXPECT_TRUE(source.WaitForCalls(2));
}

TEST_F(DirectoryRefresherTest, AsksAgainWhenANameIsMissing) {
  FakeNameSource& source = Add("cri");
  source.Answer(Of({}));
  source.Answer(Of({Pod("cart", 'a', "1")}));
  refresher_->Start();
  ASSERT_TRUE(WaitForGeneration(1));
  EXPECT_FALSE(directory_.Find(Id('1')));
  clock_.Advance(seconds(1));
  refresher_->Request();
  ASSERT_TRUE(WaitForGeneration(2));
  EXPECT_TRUE(directory_.Find(Id('1')));
}

TEST_F(DirectoryRefresherTest, AFloodOfRequestsIsOneTry) {
  FakeNameSource& source = Add("cri");
  refresher_->Start();
  ASSERT_TRUE(WaitForGeneration(1));
  source.Hang();
  clock_.Advance(seconds(1));
  refresher_->Request();
  ASSERT_TRUE(source.WaitForCalls(2));
  for (int i = 0; i < 10'000; ++i) refresher_->Request();
  source.Release();
  ASSERT_TRUE(WaitForGeneration(2));
  clock_.Advance(seconds(1));
  refresher_->Request();
  ASSERT_TRUE(WaitForGeneration(3));
  refresher_->Stop();
  EXPECT_EQ(source.calls(), 3);
}

TEST_F(DirectoryRefresherTest, ARequestReturnsAtOnceWhileASourceHangs) {
  FakeNameSource& source = Add("cri");
  source.Hang();
  refresher_->Start();
  ASSERT_TRUE(source.WaitForCalls(1));
  const auto before = SteadyClock::now();
  refresher_->Request();
  (void)refresher_->States();
  EXPECT_LT(SteadyClock::now() - before, seconds(5));
}

TEST_F(DirectoryRefresherTest, ASourceThatHangsHoldsUpNoOther) {
  FakeNameSource& kubelet = Add("kubelet");
  kubelet.Hang();
  FakeNameSource& cri = Add("cri");
  cri.Answer(Of({Pod("cart", 'a', "1")}));
  refresher_->Start();
  ASSERT_TRUE(kubelet.WaitForCalls(1));
  ASSERT_TRUE(WaitForGeneration(1));
  EXPECT_TRUE(directory_.Find(Id('1')));
}

TEST_F(DirectoryRefresherTest, AFailureLeavesTheDirectoryAsItIs) {
  FakeNameSource& source = Add("cri");
  source.Answer(Of({Pod("cart", 'a', "1")}));
  source.Answer(absl::UnavailableError("cri here: gone"));
  refresher_->Start();
  ASSERT_TRUE(WaitForGeneration(1));
  Elapse(seconds(40));
  ASSERT_TRUE(WaitForTries(2));
  Elapse(seconds(40));
  ASSERT_TRUE(WaitForTries(3));
  EXPECT_FALSE(directory_.Find(Id('1'))->gone);
}

TEST_F(DirectoryRefresherTest, OutagesAreLoggedOnceEachWay) {
  FakeNameSource& source = Add("cri");
  source.Answer(Of({}));
  for (int i = 0; i < 3; ++i) source.Answer(absl::UnavailableError("cri here: gone"));
  source.Answer(Of({}));
  refresher_->Start();
  for (uint64_t call = 1; call <= 6; ++call) {
    ASSERT_TRUE(WaitForTries(call));
    Elapse(seconds(40));
  }
  ASSERT_TRUE(WaitForGeneration(3));
  refresher_->Stop();
  const std::string logged = Logged();
  EXPECT_EQ(std::count(logged.begin(), logged.end(), '\n'), 3) << logged;
  EXPECT_THAT(logged, AllOf(HasSubstr("warn no names for now: cri here: gone"),
                            HasSubstr("0 containers, after 3 failed tries")));
}

TEST_F(DirectoryRefresherTest, ASourceAwayAtTheStartIsNoObstacle) {
  FakeNameSource& source = Add("cri");
  source.Answer(absl::UnavailableError("cri here: not yet"));
  source.Answer(Of({Pod("cart", 'a', "1")}));
  refresher_->Start();
  ASSERT_TRUE(WaitForTries(1));
  Elapse(seconds(1));
  ASSERT_TRUE(WaitForGeneration(1));
  EXPECT_TRUE(directory_.Find(Id('1')));
}

TEST_F(DirectoryRefresherTest, TellsTheStateOfItsSources) {
  FakeNameSource& source = Add("cri");
  Listing listing = Of({Pod("cart", 'a', "12")});
  listing.skipped.bad_id = 3;
  source.Answer(listing);
  source.Answer(absl::DeadlineExceededError("cri here: slow"));
  refresher_->Start();
  ASSERT_TRUE(WaitForGeneration(1));
  const int64_t succeeded_at = clock_.WallNanos();
  Elapse(seconds(40));
  ASSERT_TRUE(WaitForTries(2));
  Elapse(seconds(40));
  ASSERT_TRUE(WaitForTries(3));
  refresher_->Stop();
  const auto states = refresher_->States();
  ASSERT_EQ(states.size(), 1u);
  EXPECT_EQ(states[0].name, "cri");
  EXPECT_EQ(states[0].where, "here");
  EXPECT_EQ(states[0].successes, 1u);
  EXPECT_EQ(states[0].last_success_wall_ns, succeeded_at);
  EXPECT_EQ(states[0].containers, 2u);
  EXPECT_EQ(states[0].skipped.bad_id, 3u);
  EXPECT_EQ(states[0].failures_in_a_row, 2u);
  EXPECT_EQ(states[0].failures.at("DEADLINE_EXCEEDED"), 2u);
  EXPECT_THAT(states[0].last_error, HasSubstr("slow"));
}

TEST_F(DirectoryRefresherTest, ASourceThatIsNotThereIsNoFailureAndIsFoundWhenItComes) {
  FakeNameSource& source = Add("cri");
  source.Answer(Of({Pod("cart", 'a', "1")}));
  source.SetPresent(false);
  refresher_->Start();
  ASSERT_TRUE(source.WaitForLooks(2)) << "when it was added, and by the thread";
  EXPECT_EQ(source.calls(), 0);
  source.SetPresent(true);
  const auto give_up = SteadyClock::now() + kGenerous;
  while (!directory_.Find(Id('1')) && SteadyClock::now() < give_up) Elapse(seconds(2));
  refresher_->Stop();
  EXPECT_TRUE(refresher_->States()[0].present);
  EXPECT_THAT(refresher_->States()[0].failures, testing::IsEmpty());
  EXPECT_THAT(Logged(), AllOf(HasSubstr("names from cri here: 1 pods"), Not(HasSubstr("warn"))));
}

TEST_F(DirectoryRefresherTest, SomebodyMayBringNamesOnceOneIsThere) {
  auto absent = std::make_unique<FakeNameSource>("cri");
  absent->SetPresent(false);
  refresher_->AddSource(std::move(absent));
  EXPECT_FALSE(refresher_->AnyPresent());
  Add("kubelet");
  EXPECT_TRUE(refresher_->AnyPresent());
}

TEST_F(DirectoryRefresherTest, WhoDoesNotAnswerIsNotWaitedFor) {
  Add("cri").Answer(Of({Pod("cart", 'a', "1")}));
  Add("kubelet").Answer(absl::PermissionDeniedError("kubelet here: status 403"));
  refresher_->Start();
  ASSERT_TRUE(WaitForGeneration(1));
  const auto give_up = SteadyClock::now() + kGenerous;
  while (!directory_.Find(Id('1'))->complete && SteadyClock::now() < give_up) {
    std::this_thread::yield();
  }
  EXPECT_TRUE(directory_.Find(Id('1'))->complete);
}

TEST_F(DirectoryRefresherTest, StopsPromptlyDuringAHungCall) {
  FakeNameSource& source = Add("cri");
  source.Hang();
  refresher_->Start();
  ASSERT_TRUE(source.WaitForCalls(1));
  const auto before = SteadyClock::now();
  refresher_->Stop();
  EXPECT_LT(SteadyClock::now() - before, seconds(5));
  EXPECT_THAT(Logged(), Not(HasSubstr("warn"))) << "an agent that stops has no outage";
  EXPECT_EQ(refresher_->States()[0].failures_in_a_row, 0u);
}

TEST_F(DirectoryRefresherTest, StopsPromptlyWhileItWaits) {
  FakeNameSource& source = Add("cri");
  refresher_->Start();
  ASSERT_TRUE(source.WaitForCalls(1));
  const auto before = SteadyClock::now();
  refresher_->Stop();
  refresher_->Stop();
  EXPECT_LT(SteadyClock::now() - before, seconds(5));
}

TEST_F(DirectoryRefresherTest, StopsWithoutHavingStarted) {
  Add("cri");
  refresher_->Stop();
  EXPECT_EQ(refresher_->States()[0].successes, 0u);
}

TEST_F(DirectoryRefresherTest, LeavesTheCallersSignalMaskAlone) {
  Add("cri");
  sigset_t before;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &before);
  refresher_->Start();
  sigset_t after;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &after);
  EXPECT_EQ(::sigismember(&before, SIGTERM), ::sigismember(&after, SIGTERM));
}

}  // namespace
}  // namespace oomtrail::attribute
