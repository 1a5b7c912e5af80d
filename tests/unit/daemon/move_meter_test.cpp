#include "daemon/move_meter.h"

#include <gtest/gtest.h>

namespace {

using kmsd::MoveMeter;
using std::chrono::milliseconds;

TEST(MoveMeter, TellsSomeASecondAndCountsTheRest) {
  MoveMeter meter;
  const MoveMeter::Moment start(std::chrono::hours(1));
  unsigned told = 0;
  for (int i = 0; i < 500; ++i) told += meter.tells(start + milliseconds(i)) ? 1 : 0;
  EXPECT_EQ(told, MoveMeter::kMost);
  EXPECT_EQ(meter.takeUntold(start + milliseconds(999)), 0U);
  EXPECT_EQ(meter.takeUntold(start + milliseconds(1000)), 500U - MoveMeter::kMost);
  EXPECT_EQ(meter.takeUntold(start + milliseconds(1001)), 0U);
  EXPECT_TRUE(meter.tells(start + milliseconds(1001)));
}

TEST(MoveMeter, TellsEachOfAFew) {
  MoveMeter meter;
  const MoveMeter::Moment start(std::chrono::hours(1));
  for (int i = 0; i < 200; ++i) EXPECT_TRUE(meter.tells(start + milliseconds(100) * i));
  EXPECT_EQ(meter.takeUntold(start + std::chrono::hours(1)), 0U);
}

}  // namespace
