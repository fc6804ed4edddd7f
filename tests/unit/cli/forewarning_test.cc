// What the agent makes of pods' wishes. The lookout and the tracker have tests of their own.
#include "agent/cli/forewarning.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "tests/fakes/fake_clock.h"
#include "tests/fakes/temp_dir.h"

namespace oomtrail::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

attribute::PodEntry Pod(const std::string& name, char digit, attribute::Wishes wishes) {
  attribute::PodEntry pod;
  pod.facts = {.name = name, .ns = "shop", .uid = name};
  pod.containers = {
      {.id = *model::ContainerId::Parse(std::string(64, digit)), .facts = {.name = "api"}},
      {.id = *model::ContainerId::Parse(std::string(64, static_cast<char>(digit + 1))),
       .facts = {.name = "proxy"}}};
  pod.wishes = std::move(wishes);
  return pod;
}

class ForewarningTest : public testing::Test {
 protected:
  ForewarningTest() {
    options_.warn.on = false;
    node_.index = std::make_unique<resolve::CgroupIndex>(
        resolve::CgroupMount{.directory = directory_ / "cgroups"}, clock_);
  }

  void List(std::vector<attribute::PodEntry> pods) {
    pods_.Update("cri", attribute::Listing{.pods = std::move(pods), .skipped = {}});
    forewarning_->Tick();
  }
  std::string Logged() const {
    std::ifstream in(directory_ / "log");
    return {std::istreambuf_iterator<char>(in), {}};
  }
  long Lines() const {
    const std::string logged = Logged();
    return std::count(logged.begin(), logged.end(), '\n');
  }
  void Open() {
    forewarning_ = std::make_unique<Forewarning>(options_, node_, pods_, clock_, log_);
  }

  fakes::FakeClock clock_;
  fakes::TempDir directory_;
  base::UniqueFd log_file_{
      ::open((directory_ / "log").c_str(), O_CREAT | O_RDWR | O_APPEND | O_CLOEXEC, 0600)};
  base::Log log_{base::LogFormat::kText, log_file_.get()};
  AgentOptions options_;
  Node node_;
  attribute::PodDirectory pods_{clock_};
  std::unique_ptr<Forewarning> forewarning_;
};

TEST_F(ForewarningTest, AWrongAnnotationIsToldOnceAPod) {
  Open();
  const attribute::Wishes wrong = {{"warn", "no\n"}, {"warn-seconds", "x"}};
  for (int i = 0; i < 3; ++i) List({Pod("cart", 'a', wrong), Pod("db", 'c', {{"warn", "off"}})});
  EXPECT_EQ(Lines(), 1) << Logged();
  EXPECT_THAT(Logged(),
              HasSubstr("pod shop/cart: an annotation is passed over: oomtrail.io/warn: "
                        R"(no\x0a is not on or off; oomtrail.io/warn-seconds: x is not)"));
  EXPECT_THAT(Logged(), Not(HasSubstr("db")));
}

TEST_F(ForewarningTest, APodThatComesAgainIsToldAgain) {
  Open();
  List({Pod("cart", 'a', {{"track", "yes"}})});
  List({});
  List({Pod("cart", 'a', {{"track", "yes"}})});
  EXPECT_EQ(Lines(), 2) << "so much is remembered as is listed";
}

TEST_F(ForewarningTest, WhereNobodyLooksOutAKillSaysNothingOfWarnings) {
  Open();
  EXPECT_FALSE(forewarning_->OnKill({}));
  EXPECT_TRUE(forewarning_->Usage().trends.empty());
  publish::NodeStatus status;
  forewarning_->Fill(status);
  EXPECT_FALSE(status.lookout);
  publish::Gauges gauges;
  forewarning_->Fill(gauges);
  EXPECT_EQ(gauges.usage_reader, "");
}

TEST_F(ForewarningTest, WithTrackNeverNobodyIsFollowed) {
  options_.track.what = TrackFlags::What::kNever;
  Open();
  EXPECT_EQ(forewarning_->SetTracking({.mode = kernel::TrackingMode::kAdaptive}, 30).code(),
            absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace oomtrail::cli
