// After a seal no private key of the authority, and none that it archived, is anywhere in this process. That
// the search can find each of them is shown first.
#include <algorithm>

#include "tests/unit/keys/memory_search.h"
#include "tests/unit/pki/service_fixture.h"

namespace tests {
namespace {

using Names = std::set<std::string>;

class AuthorityMemory : public ServiceTest {
 protected:
  void SetUp() override {
    pkiPolicy.encryptionKey = pki::KeyKind::EcdsaP256;
    ServiceTest::SetUp();
    ASSERT_OK(addUser("alice"));
  }
  // The 32 bytes of a P-256 key: privateKey of RFC 5915, section 3.
  void add(const std::string& name, base::BytesView pkcs8) {
    constexpr std::byte kBefore[] = {std::byte{2}, std::byte{1}, std::byte{1}, std::byte{4}, std::byte{32}};
    const auto at = std::ranges::search(pkcs8, kBefore);
    ASSERT_FALSE(at.empty());
    const auto from = static_cast<std::size_t>(at.end() - pkcs8.begin());
    search.add(name, pkcs8.subspan(from, 32));
  }
  void addSigners() {
    auto hold = authority->current();
    ASSERT_OK(hold);
    for (const auto& [name, signer] :
         {std::pair{"authority", &(*hold)->authority}, {"ocsp", &(*hold)->ocsp}, {"cmp", &(*hold)->cmp}}) {
      auto encoded = signer->key.encode();
      ASSERT_OK(encoded);
      add(name, encoded->bytes());
    }
  }
  // Whichever way round the library keeps its numbers.
  Names found() const {
    Names names;
    for (std::string name : search.found()) names.insert(name.substr(0, name.find(' ')));
    return names;
  }
  MemorySearch search;
};

TEST_F(AuthorityMemory, SealLeavesNoKeyOfTheAuthority) {
  addSigners();
  const auto holder = enrolled("alice", newKey()).serial;
  EXPECT_EQ(found(), (Names{"authority", "cmp", "ocsp"}));
  {
    auto pair = encryptionPair(holder);
    ASSERT_OK(pair);
    add("archived", pair->key.bytes());
    EXPECT_TRUE(found().contains("archived"));
  }
  vault->seal();
  EXPECT_EQ(found(), Names{});
  unseal();
  EXPECT_EQ(found(), (Names{"authority", "cmp", "ocsp"}));
  EXPECT_OK(issue(admin, "alice", pki::Profile::Client, newKey()));
  vault->seal();
  EXPECT_EQ(found(), Names{});
}

TEST_F(AuthorityMemory, WhatWasRenewedIsGoneToo) {
  addSigners();
  clock.advance(pki::row(pki::Profile::Ocsp).life * 3 / 4);
  tidyCertificates();
  EXPECT_EQ(found(), Names{"authority"});
  vault->seal();
  EXPECT_EQ(found(), Names{});
}

TEST_F(AuthorityMemory, AnUnsealingThatFailsLeavesNothing) {
  addSigners();
  vault->seal();
  ASSERT_OK(tamper([](kms::Txn& txn) -> base::Result<void> {
    auto row = **txn.get(kms::Table::Authorities, 1);
    row.key = 2;  // behind the good one
    return txn.put(kms::Table::Authorities, row);
  }));
  auto copy = base::MasterKey::fromBytes(key->bytes());
  EXPECT_REASON(vault->unseal(kms::KeyOffer{*std::move(copy), std::nullopt, std::nullopt, "mock:test"}),
                base::Reason::DatabaseCorrupt);
  EXPECT_EQ(found(), Names{});
}

}  // namespace
}  // namespace tests
