// What leads from an authority back to those before it, after several new keys.
#include "tests/unit/pki/change_fixture.h"

namespace tests {
namespace {

class Links : public ChangeTest {
 protected:
  void rollOver(int times) {
    for (int i = 0; i < times; ++i) ASSERT_OK(rollover());
  }
  // The certificate of each authority in N.crt, and what goes along with the current one's in along.pem.
  std::size_t putAll() {
    for (const std::int64_t number : authority->numbers())
      putPem(std::to_string(number) + ".crt", signers(number).authority.certificate.der);
    auto current = authority->current();
    EXPECT_OK(current);
    std::string text;
    for (const base::Bytes& one : alongWith(**current, clock.now())) text += pki::pem("CERTIFICATE", one);
    put("along.pem", text);
    return newWithOld(**current, clock.now()).size();
  }
  bool leadsTo(const std::string& trusted, const std::string& leaf = "leaf.crt") {
    return verify(trusted, "along.pem", leaf).exit == 0;
  }
  void issueLeaf() {
    const auto leaf = issue(admin, "alice", pki::Profile::Signing, newKey());
    ASSERT_OK(leaf);
    putPem("leaf.crt", leaf->certificate);
    EXPECT_EQ(leaf->chain.size(), 1U) << "no link stands among those that are trusted";
    EXPECT_EQ(leaf->links.size(), putAll());
  }
};

TEST_F(Links, LeadToEachOfTheAuthoritiesBefore) {
  const auto before = enrolled("alice", newKey());
  EXPECT_TRUE(before.links.empty());
  rollOver(1);
  ASSERT_OK(rollover(pki::KeyKind::Ed25519));
  rollOver(1);
  issueLeaf();
  EXPECT_EQ(putAll(), 3U);
  for (const char* trusted : {"1.crt", "2.crt", "3.crt", "4.crt"})
    EXPECT_TRUE(leadsTo(trusted)) << verify(trusted, "along.pem", "leaf.crt").err;
  EXPECT_FALSE(verify("1.crt", "4.crt", "leaf.crt").exit == 0) << "by the links alone";
  restartAll();
  EXPECT_EQ(putAll(), 3U);
  EXPECT_TRUE(leadsTo("1.crt"));
}

TEST_F(Links, AreBounded) {
  rollOver(static_cast<int>(pki::kGenerationsMost) + 2);
  issueLeaf();
  EXPECT_EQ(putAll(), pki::kGenerationsMost);
  EXPECT_FALSE(leadsTo("1.crt"));
  EXPECT_FALSE(leadsTo("2.crt"));
  EXPECT_TRUE(leadsTo("3.crt"));
  EXPECT_TRUE(leadsTo("11.crt"));
}

TEST_F(Links, EndWithTheAuthorityThatTheyLeadTo) {
  clock.advance(std::chrono::hours(24 * 300));
  rollOver(3);
  const base::Time end = signers(1).authority.certificate.notAfter;
  clock.advance(end - clock.now() - std::chrono::seconds(1));
  EXPECT_EQ(putAll(), 3U);
  clock.advance(std::chrono::seconds(1));
  EXPECT_EQ(putAll(), 2U);
  issueLeaf();
  EXPECT_TRUE(leadsTo("2.crt"));
  EXPECT_FALSE(leadsTo("1.crt"));
}

TEST_F(Links, LeadNowhereWhereAParentSigned) {
  parent("root");
  rollOver(2);
  ASSERT_OK(install(sign(*request()) + get("root.crt")));
  EXPECT_EQ(putAll(), 0U);
}

TEST_F(Links, ThatLeadElsewhereAreADamage) {
  rollOver(2);
  ASSERT_OK(tamper([&](kms::Txn& txn) -> base::Result<void> {
    auto keys = vault->hold();
    auto rows = pki::readAuthorities(txn, **keys);
    if (!rows) return std::move(rows).error();
    rows->at(2).oldWithNew = rows->at(1).oldWithNew;
    return pki::writeAuthority(txn, **keys, rows->at(2));
  }));
  EXPECT_REASON(authority->refresh(*vault, *store), base::Reason::DatabaseCorrupt);
}

}  // namespace
}  // namespace tests
