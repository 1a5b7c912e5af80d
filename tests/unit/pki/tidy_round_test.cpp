// Tidying goes through all revocations now and then, not always.
#include "tests/unit/pki/service_fixture.h"

namespace tests {
namespace {

class TidyRound : public ServiceTest {
 protected:
  // When the last round ended; -1: none yet.
  std::int64_t ended() {
    std::int64_t at = -1;
    EXPECT_OK(store->read([&](kms::StoreReader& reader) -> base::Result<void> {
      auto number = reader.number("revocations_round");
      if (!number) return std::move(number).error();
      at = number->value_or(-1);
      return {};
    }));
    return at;
  }
};

TEST_F(TidyRound, BeginsAnewOnlyAfterHours) {
  ASSERT_OK(addUser("alice"));
  tidyCertificates();
  EXPECT_EQ(ended(), -1) << "there is nothing to go through";
  const auto issued = enrolled("alice", newKey());
  ASSERT_OK(revoke(admin, issued.serial));
  tidyCertificates();
  const auto first = ended();
  EXPECT_GT(first, 0);
  clock.advance(std::chrono::hours(1));
  tidyCertificates();
  EXPECT_EQ(ended(), first);
  clock.advance(std::chrono::hours(6));
  tidyCertificates();
  EXPECT_GT(ended(), first);
  EXPECT_EQ(revocations().size(), 1U);
  clock.advance(std::chrono::hours(24 * 600));
  tidyCertificates();
  EXPECT_TRUE(revocations().empty()) << "its certificate has long ended";
}

}  // namespace
}  // namespace tests
