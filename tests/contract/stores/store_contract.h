// The suite that every store passes; its tests stand in store_contract_test.cpp (rows and look-ups) and
// store_jobs_test.cpp (jobs and their ends).
#pragma once

#include <gtest/gtest.h>

#include <functional>

#include "tests/contract/stores/store_fixture.h"
#include "tests/support/store_rows.h"

namespace tests {

class StoreContract : public ::testing::TestWithParam<NamedFixture> {
 protected:
  void SetUp() override {
    fixture_ = GetParam().make();
    auto made = fixture_->create();
    ASSERT_TRUE(made) << made.error().what;
    store_ = *std::move(made);
  }
  void reopen() {
    store_.reset();
    auto opened = fixture_->open();
    ASSERT_TRUE(opened) << opened.error().what;
    store_ = *std::move(opened);
  }
  // A job made of expectations.
  void change(const std::function<void(kms::Txn&)>& job) {
    auto done = store_->writeAndWait([&](kms::Txn& txn) -> base::Result<void> {
      job(txn);
      return {};
    });
    EXPECT_TRUE(done) << done.error().what;
  }
  void look(const std::function<void(kms::StoreReader&)>& job) {
    auto done = store_->read([&](kms::StoreReader& reader) -> base::Result<void> {
      job(reader);
      return {};
    });
    EXPECT_TRUE(done) << done.error().what;
  }
  std::uint64_t asOf() {
    auto seen = store_->get(kms::Table::Tokens, 1);
    EXPECT_TRUE(seen);
    return seen ? seen->asOf : 0;
  }
  std::unique_ptr<StoreFixture> fixture_;
  std::unique_ptr<kms::Store> store_;
};

}  // namespace tests
