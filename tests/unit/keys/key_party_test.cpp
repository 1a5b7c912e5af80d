// Those who keep secrets of their own while the vault is open.
#include <gtest/gtest.h>

#include <functional>
#include <thread>

#include "kms/keys/vault.h"
#include "tests/unit/keys/fixture.h"

namespace {

using base::Code;
using base::Reason;
using tests::Founded;

// Writes down what it is told.
class Party final : public kms::KeyParty {
 public:
  explicit Party(std::vector<std::string>& told, std::string name) : told_(told), name_(std::move(name)) {}
  base::Result<void> opened(kms::StoreReader& reader, kms::OpenKeys& keys) override {
    told_.push_back(name_ + " opened");
    EXPECT_TRUE(reader.slots());
    EXPECT_EQ(keys.sequenceOf(keys.accessor(3)), 3);
    if (then) then();
    if (fails) return base::Error{Code::Corrupt, "damaged", Reason::DatabaseCorrupt};
    return {};
  }
  void closing() noexcept override { told_.push_back(name_ + " closing"); }

  bool fails = false;
  std::function<void()> then;

 private:
  std::vector<std::string>& told_;
  std::string name_;
};

class KeyPartyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    vault.attach(a);
    vault.attach(b);
  }
  kms::KeyOffer right() const { return f.offer(Founded::kFirst, Founded::kFirst); }

  Founded f;
  std::vector<std::string> told;
  std::shared_ptr<Party> a = std::make_shared<Party>(told, "a");
  std::shared_ptr<Party> b = std::make_shared<Party>(told, "b");
  kms::Vault vault{*f.store, f.server, base::systemRng()};
};

TEST_F(KeyPartyTest, IsToldInOrderAndBack) {
  bool early = false;
  a->then = [&] { early = bool(vault.hold()); };
  ASSERT_TRUE(vault.unseal(right()));
  EXPECT_FALSE(early);
  EXPECT_EQ(told, (std::vector<std::string>{"a opened", "b opened"}));
  told.clear();
  vault.seal();
  EXPECT_EQ(told, (std::vector<std::string>{"b closing", "a closing"}));
}

TEST_F(KeyPartyTest, AnErrorKeepsTheVaultSealedAndAllAreClosed) {
  b->fails = true;
  auto opened = vault.unseal(right());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().reason, Reason::DatabaseCorrupt);
  EXPECT_TRUE(vault.sealed());
  EXPECT_EQ(told, (std::vector<std::string>{"a opened", "b opened", "b closing", "a closing"}));
  b->fails = false;
  EXPECT_TRUE(vault.unseal(right()));
}

TEST_F(KeyPartyTest, OneThatIsGoneIsNotTold) {
  a.reset();
  ASSERT_TRUE(vault.unseal(right()));
  EXPECT_EQ(told, (std::vector<std::string>{"b opened"}));
}

TEST_F(KeyPartyTest, ASealMeanwhileClosesThemToo) {
  for (int i = 0; i < 20; ++i) {
    std::thread sealer;
    a->then = [&] { sealer = std::thread([&] { vault.seal(); }); };
    auto opened = vault.unseal(right());
    if (!opened) {
      EXPECT_EQ(opened.error().reason, Reason::SealedByCommand);
    }
    sealer.join();
    EXPECT_TRUE(vault.sealed());
    EXPECT_EQ(told.back(), "a closing");
  }
}

}  // namespace
