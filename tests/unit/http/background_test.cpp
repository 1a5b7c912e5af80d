#include "daemon/http/background.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <new>
#include <thread>

namespace tests {
namespace {

using kmsd::http::Background;

TEST(Background, SurvivesAJobThatThrows) {
  Background background;
  std::promise<void> served;
  ASSERT_TRUE(background.run([] { throw std::bad_alloc(); }));
  ASSERT_TRUE(background.run([] { throw 1; }));
  ASSERT_TRUE(background.run([&] { served.set_value(); }));
  EXPECT_EQ(served.get_future().wait_for(std::chrono::seconds(20)), std::future_status::ready);
}

TEST(Background, AtItsEndDoesWhatWaitsAndTakesNoMore) {
  Background background;
  std::atomic<int> done = 0;
  std::promise<void> release;
  std::shared_future<void> released = release.get_future().share();
  ASSERT_TRUE(background.run([&done, released] {
    released.wait();
    ++done;
  }));
  std::size_t waiting = 0;
  while (waiting <= Background::kWaitingMost && background.run([&done] { ++done; })) ++waiting;
  // The first one may still wait itself.
  EXPECT_GE(waiting, Background::kWaitingMost - 1);
  EXPECT_LE(waiting, Background::kWaitingMost);
  release.set_value();
  background.end();
  EXPECT_EQ(done, static_cast<int>(waiting) + 1);
  EXPECT_FALSE(background.run([&done] { ++done; }));
  background.end();
  EXPECT_EQ(done, static_cast<int>(waiting) + 1);
}

// A job that takes for ever looks at ending(), and those that wait behind it see it at once.
TEST(Background, AtItsEndTellsWhatTakesLongToGiveUp) {
  Background background;
  std::promise<void> running;
  std::atomic<int> gaveUp = 0;
  ASSERT_TRUE(background.run([&] {
    running.set_value();
    while (!background.ending()) std::this_thread::yield();
    ++gaveUp;
  }));
  ASSERT_TRUE(background.run([&] { gaveUp += background.ending() ? 1 : 0; }));
  running.get_future().wait();
  EXPECT_FALSE(background.ending());
  background.end();
  EXPECT_EQ(gaveUp, 2);
}

}  // namespace
}  // namespace tests
