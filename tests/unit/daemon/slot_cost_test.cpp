// What scrypt costs in the slots of the product, and in those that tests make by the hundred.
#include "daemon/slot_cost.h"

#include <gtest/gtest.h>

#include "kms/keys/slot_facts.h"
#include "kms/store/sqlite_store.h"
#include "tests/support/programs.h"
#include "tests/support/run.h"
#include "tests/support/scratch.h"

namespace tests {
namespace {

// 2 to the power of it is N.
unsigned costOf(const std::string& kmsd) {
  const Scratch scratch;
  const std::string data = (scratch / "D").string();
  const Ran made = run({kmsd, "setup", "--config", "/dev/null", "--data-dir", data, "--no-ca", "--medium",
                        "image:" + (scratch / "key.img").string()});
  EXPECT_EQ(made.exit, 0) << made.err;
  const auto store = kms::openSqliteStore(data + "/security/kms.db");
  if (!store) return 0;
  const auto slots = kms::slotFacts(**store);
  if (!slots || slots->size() != 1 || !slots->front().header) return 0;
  return slots->front().header->cost.logN;
}

TEST(SlotCost, OfTheProductIsTheUsualOne) {
  EXPECT_EQ(kmsd::slotCost().logN, 17);
  EXPECT_EQ(costOf(builtProgram("kmsd")), 17U);
}

TEST(SlotCost, OfManyTestsIsTheLeast) { EXPECT_EQ(costOf(leastKmsd()), kms::ScryptCost::kLogNLeast); }

}  // namespace
}  // namespace tests
