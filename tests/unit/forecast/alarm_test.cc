#include "agent/forecast/alarm.h"

#include <gtest/gtest.h>

namespace oomtrail::forecast {
namespace {

TEST(Alarm, HasNothingToEndBeforeItWarned) {
  Alarm alarm;
  EXPECT_FALSE(alarm.standing());
  EXPECT_FALSE(alarm.Killed(1).has_value());
  EXPECT_FALSE(alarm.Ended(1).has_value());
}

}  // namespace
}  // namespace oomtrail::forecast
