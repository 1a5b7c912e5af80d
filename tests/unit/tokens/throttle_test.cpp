#include "kms/tokens/throttle.h"

#include <gtest/gtest.h>

#include <thread>

#include "tests/unit/tokens/fixture.h"

namespace {

using std::chrono::seconds;

class ThrottleTest : public ::testing::Test {
 protected:
  tests::FakeClock clock;
  kms::Policy policy;
  kms::Throttle throttle{clock, policy};
};

TEST_F(ThrottleTest, DelaysFromTheFifthOnAndDoublesToAMinute) {
  for (const int wanted : {0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60})
    EXPECT_EQ(throttle.wrong("alice").delay, seconds(wanted));
  EXPECT_EQ(throttle.wrong("bob").delay, seconds(0));  // each name for itself
}

TEST_F(ThrottleTest, ForgetsAfterTheRightTokenAndAfterAnHour) {
  for (int i = 0; i < 8; ++i) throttle.wrong("alice");
  throttle.forget("alice");
  EXPECT_EQ(throttle.wrong("alice").delay, seconds(0));
  for (int i = 0; i < 8; ++i) throttle.wrong("alice");
  clock.advance(policy.triesForgotten);
  EXPECT_EQ(throttle.wrong("alice").delay, seconds(32));  // the hour counts from the last wrong try
  clock.advance(policy.triesForgotten + seconds(1));
  EXPECT_EQ(throttle.wrong("alice").delay, seconds(0));
}

TEST_F(ThrottleTest, AClockSetBackForgetsNothing) {
  for (int i = 0; i < 6; ++i) throttle.wrong("alice");
  clock.advance(seconds(-100'000));
  EXPECT_EQ(throttle.wrong("alice").delay, seconds(4));
}

TEST_F(ThrottleTest, ItsMemoryIsBoundedAndTheLeastRecentGivesWay) {
  for (int i = 0; i < 5; ++i) throttle.wrong("kept");
  for (int i = 0; i < 5; ++i) throttle.wrong("lost");
  throttle.wrong("kept");
  for (std::size_t i = 0; i < policy.throttledNames - 1; ++i) throttle.wrong("name" + std::to_string(i));
  EXPECT_EQ(throttle.names(), policy.throttledNames);
  EXPECT_EQ(throttle.wrong("kept").delay, seconds(4));
  EXPECT_EQ(throttle.wrong("lost").delay, seconds(0));
  EXPECT_EQ(throttle.names(), policy.throttledNames);
}

TEST_F(ThrottleTest, PutsANameOnRecordOnceAMinuteWithAllItsTries) {
  for (int i = 0; i < 4; ++i) EXPECT_EQ(throttle.wrong("alice").record, 0U);
  EXPECT_EQ(throttle.wrong("alice").record, 5U);
  for (int i = 0; i < 9; ++i) EXPECT_EQ(throttle.wrong("alice").record, 0U);
  clock.advance(kms::Throttle::kRecordEvery);
  EXPECT_EQ(throttle.wrong("alice").record, 10U);
}

TEST_F(ThrottleTest, ManyNamesTogetherDoNotFloodTheRecord) {
  unsigned records = 0;
  for (int name = 0; name < 100; ++name)
    for (int i = 0; i < 6; ++i) records += throttle.wrong("name" + std::to_string(name)).record > 0 ? 1 : 0;
  EXPECT_EQ(records, kms::Throttle::kRecordsMost);
  clock.advance(kms::Throttle::kRecordWindow);
  EXPECT_GT(throttle.wrong("name99").record, 0U);
}

TEST_F(ThrottleTest, CountsEveryTryOfManyThreads) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([this, t] {
      for (int i = 0; i < 500; ++i) {
        throttle.wrong("t" + std::to_string(i % 7));
        if (i % 50 == 0) throttle.forget("t" + std::to_string(t));
        throttle.wrong("shared" + std::to_string(i));
      }
    });
  for (auto& thread : threads) thread.join();
  // 8 tries of each shared name so far; the ninth is the fifth over the free ones.
  EXPECT_EQ(throttle.wrong("shared499").delay, seconds(16));
}

}  // namespace
