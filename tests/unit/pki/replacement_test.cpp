// Several administrators agree to another authority: whatever goes wrong costs nobody's word.
#include "tests/support/faulty_store.h"
#include "tests/unit/pki/change_fixture.h"

namespace tests {
namespace {

using base::Code;
using base::Reason;
using kms::Actor;
using kms::ApprovalState;
using kms::ApprovalView;
using kms::Role;

class Replacement : public ChangeTest {
 protected:
  void SetUp() override {
    policy.recoveryApprovals = 2;
    ChangeTest::SetUp();
    anna = administrator("anna");
    boris = administrator("boris");
  }
  Actor administrator(const std::string& name) {
    kms::UserChange fields;
    fields.role = Role::Admin;
    const auto user = addUser(name, fields);
    EXPECT_OK(user);
    return {"user " + name, Role::Admin, user->id};
  }
  std::vector<ApprovalView> listed() {
    const auto page = tokens->approvals().list(anna, "", 0);
    EXPECT_OK(page);
    return page->items;
  }
  // The one request that there is, approved.
  void agree() {
    ASSERT_EQ(listed().size(), 1U);
    ASSERT_OK(
        await<ApprovalView>([&](auto reply) { tokens->approvals().approve(boris, listed()[0].id, reply); }));
    ASSERT_EQ(listed()[0].state, ApprovalState::Approved);
  }
  base::Result<std::int64_t> install(const std::string& pem) {
    const auto chain = pki::parsePemCertificates(pem);
    EXPECT_OK(chain);
    return pki::installSubordinate(tools(), *chain, plan(), anna);
  }
  base::Result<std::int64_t> rollover(const pki::AuthorityPlan& how) {
    return pki::rolloverAuthority(tools(), pki::KeyKind::EcdsaP256, how, anna);
  }
  // Which number signs now, as the database has it.
  std::int64_t current() {
    EXPECT_OK(authority->refresh(*vault, *store));
    return (*authority->current())->number;
  }
  // Each call of the store fails in turn, until `work` succeeds: the word is used up then, and not before.
  void throughFaults(const std::function<base::Result<std::int64_t>(const pki::AuthorityTools&)>& work) {
    FaultyStore faulty(*store);
    kms::TokenService over(*vault, faulty, clock, base::systemRng(), policy);
    const pki::AuthorityTools tools{*vault,          faulty, *authority, clock, policy, base::systemRng(),
                                    over.approvals()};
    const std::int64_t before = current();
    bool done = false;
    for (std::uint64_t n = 1; n < 500 && !done; ++n) {
      faulty.failAt(n);
      static_cast<void>(work(tools));
      faulty.failAt(0);
      done = current() != before;
      ASSERT_EQ(listed().size(), 1U);
      EXPECT_EQ(listed()[0].state, done ? ApprovalState::Used : ApprovalState::Approved) << n;
    }
    EXPECT_TRUE(done);
  }

  Actor anna;
  Actor boris;
};

TEST_F(Replacement, AWrongFileAsksNobodyAndCostsNothing) {
  parent("root");
  const auto csr = request();
  ASSERT_OK(csr);
  const std::string good = sign(*csr) + get("root.crt");
  const std::string useless = sign(*csr, "root", "user") + get("root.crt");
  EXPECT_CODE(install(get("root.crt")), Code::Invalid);  // not for our key
  EXPECT_CODE(install(useless), Code::Invalid);          // none of an authority
  EXPECT_TRUE(listed().empty());
  EXPECT_REASON(install(good), Reason::ApprovalNeeded);
  agree();
  EXPECT_CODE(install(get("root.crt")), Code::Invalid);
  EXPECT_CODE(install(useless), Code::Invalid);
  EXPECT_CODE(install(good.substr(0, good.find("-----BEGIN", 1))), Code::Invalid);  // without the root
  ASSERT_EQ(listed().size(), 1U);
  EXPECT_EQ(listed()[0].state, ApprovalState::Approved);
  EXPECT_EQ(current(), 1);
  EXPECT_OK(install(good));
  EXPECT_EQ(listed()[0].state, ApprovalState::Used);
  EXPECT_EQ(current(), 2);
  EXPECT_CODE(install(good), Code::NotFound);  // no key waits any more, and nobody is asked
  EXPECT_EQ(listed().size(), 1U);
}

TEST_F(Replacement, WhatCannotBeRolledOverAsksNobody) {
  pki::AuthorityPlan shared = plan();
  shared.addresses.crl = {"http://pki.example/crl.der"};
  EXPECT_CODE(rollover(shared), Code::Conflict);  // both would have one address
  EXPECT_TRUE(listed().empty());
  EXPECT_REASON(rollover(plan()), Reason::ApprovalNeeded);
  agree();
  EXPECT_CODE(rollover(shared), Code::Conflict);
  EXPECT_EQ(listed()[0].state, ApprovalState::Approved);
  EXPECT_OK(rollover(plan()));
  EXPECT_EQ(listed()[0].state, ApprovalState::Used);
  EXPECT_EQ(current(), 2);
}

TEST_F(Replacement, AFailingDatabaseTakesTheNewKeyAndTheWordForIt) {
  EXPECT_REASON(rollover(plan()), Reason::ApprovalNeeded);
  agree();
  throughFaults([&](const pki::AuthorityTools& tools) {
    return pki::rolloverAuthority(tools, pki::KeyKind::EcdsaP256, plan(), anna);
  });
}

TEST_F(Replacement, AFailingDatabaseTakesTheChainAndTheWordForIt) {
  parent("root");
  const auto csr = request();
  ASSERT_OK(csr);
  const auto chain = pki::parsePemCertificates(sign(*csr) + get("root.crt"));
  ASSERT_OK(chain);
  EXPECT_REASON(pki::installSubordinate(tools(), *chain, plan(), anna), Reason::ApprovalNeeded);
  agree();
  throughFaults(
      [&](const pki::AuthorityTools& tools) { return pki::installSubordinate(tools, *chain, plan(), anna); });
}

// The first authority takes nobody's place.
TEST_F(Replacement, TheFirstAuthorityNeedsNobody) {
  parent("root");
  ASSERT_OK(tamper([](kms::Txn& txn) { return txn.erase(kms::Table::Authorities, 1); }));
  ASSERT_OK(authority->refresh(*vault, *store));
  const auto csr = request();
  ASSERT_OK(csr);
  EXPECT_OK(install(sign(*csr) + get("root.crt")));
  EXPECT_TRUE(listed().empty());
}

}  // namespace
}  // namespace tests
