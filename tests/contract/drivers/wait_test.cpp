// waitForChange, by every driver.
#include <future>
#include <stop_token>
#include <thread>

#include "tests/contract/drivers/contract.h"

namespace tests {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class WaitContract : public DriverContract {
 protected:
  using Answer = base::Result<bool>;
  std::future<Answer> wait(base::Deadline by, std::stop_token stop = {}) {
    return std::async(std::launch::async, [this, by, stop] { return driver_->waitForChange(by, stop); });
  }
  // Waits, does `change`, and expects to hear of it.
  template <class Change>
  void expectHeard(Change change) {
    look();
    const auto by = base::Deadline::in(seconds(20));
    auto answer = wait(by);
    change();
    const Answer heard = answer.get();
    ASSERT_TRUE(heard) << heard.error().what;
    EXPECT_TRUE(*heard);
    EXPECT_GT(by.remaining(), seconds(10));
  }
};

TEST_P(WaitContract, HearsOfInsertAndPullAndExchange) {
  expectHeard([this] { drive_->insert(Disk::Key, keyText('A')); });
  EXPECT_TRUE(look().present);
  expectHeard([this] { drive_->insert(Disk::Key, keyText('B')); });
  expectHeard([this] { drive_->pull(); });
  EXPECT_FALSE(look().present);
}

// What happened between the scan and the wait is not lost.
TEST_P(WaitContract, HearsOfWhatCameBeforeTheWait) {
  look();
  drive_->insert(Disk::Key, keyText('A'));
  auto heard = driver_->waitForChange(base::Deadline::in(seconds(20)), {});
  ASSERT_TRUE(heard) << heard.error().what;
  EXPECT_TRUE(*heard);
}

TEST_P(WaitContract, NothingChangesUntilTheDeadline) {
  drive_->insert(Disk::Key, keyText('A'));
  look();
  const auto by = base::Deadline::in(milliseconds(700));
  auto heard = driver_->waitForChange(by, {});
  ASSERT_TRUE(heard) << heard.error().what;
  EXPECT_FALSE(*heard);
  EXPECT_TRUE(by.expired());
  EXPECT_LT(std::chrono::steady_clock::now() - by.at(), seconds(3));
}

TEST_P(WaitContract, StopsAtOnce) {
  look();
  std::stop_source stop;
  const auto by = base::Deadline::in(seconds(30));
  auto answer = wait(by, stop.get_token());
  EXPECT_EQ(answer.wait_for(milliseconds(100)), std::future_status::timeout);
  stop.request_stop();
  const Answer heard = answer.get();
  ASSERT_TRUE(heard) << heard.error().what;
  EXPECT_FALSE(*heard);
  EXPECT_GT(by.remaining(), seconds(25));
}

TEST_P(WaitContract, ScansAndReadsGoOnBesideAWait) {
  drive_->insert(Disk::Key, keyText('A'));
  look();
  std::stop_source stop;
  auto answer = wait(base::Deadline::in(seconds(30)), stop.get_token());
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(look().present);
    expectKey(keyText('A'));
  }
  stop.request_stop();
  const Answer heard = answer.get();
  ASSERT_TRUE(heard) << heard.error().what;
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(Drives, WaitContract, ::testing::ValuesIn(kDrives),
                         [](const auto& each) { return std::string(each.param.name); });

}  // namespace tests
