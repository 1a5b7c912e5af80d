// Looking at certificates: one's own, and for issuers all.
#include <set>

#include "tests/unit/pki/service_fixture.h"

namespace tests {
namespace {

using base::Code;
using base::Reason;
using Listed = kms::Page<pki::CertificateView>;

class CertificateList : public ServiceTest {
 protected:
  void SetUp() override {
    ServiceTest::SetUp();
    for (const char* user : {"alice", "bob"}) ASSERT_OK(addUser(user));
    for (int i = 0; i < 3; ++i)
      for (const char* user : {"alice", "bob"}) {
        auto issued = issue(admin, user, pki::Profile::Client, newKey());
        ASSERT_OK(issued);
        serials[user].push_back(issued->serial);
      }
  }
  base::Result<Listed> list(const kms::Actor& by, const std::string& user, const std::string& after = {},
                            std::size_t limit = 0) {
    return service->list(by, user, after, limit);
  }
  std::map<std::string, std::vector<pki::Serial>> serials;
};

TEST_F(CertificateList, AUsersOwnTheNewestFirst) {
  for (const auto& by : {actorOf("alice"), issuer, admin}) {
    auto page = list(by, "alice");
    ASSERT_OK(page);
    ASSERT_EQ(page->items.size(), 3U);
    EXPECT_FALSE(page->next);
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_EQ(page->items[i].serial, serials["alice"][2 - i]);
      EXPECT_EQ(page->items[i].user, "alice");
    }
  }
  EXPECT_EQ(list(actorOf("alice"), "")->items.size(), 3U);
}

TEST_F(CertificateList, PagesGoOnWhereTheyEnded) {
  auto first = list(admin, "alice", "", 2);
  ASSERT_OK(first);
  ASSERT_EQ(first->items.size(), 2U);
  ASSERT_TRUE(first->next);
  auto second = list(admin, "alice", *first->next, 2);
  ASSERT_OK(second);
  ASSERT_EQ(second->items.size(), 1U);
  EXPECT_EQ(second->items[0].serial, serials["alice"][0]);
  EXPECT_FALSE(second->next);
  EXPECT_CODE(list(admin, "bob", *first->next), Code::Invalid);
}

TEST_F(CertificateList, IssuersSeeAll) {
  std::set<std::string> names;
  std::size_t seen = 0;
  std::string after;
  do {
    auto page = list(issuer, "", after, 3);
    ASSERT_OK(page);
    seen += page->items.size();
    for (const auto& item : page->items) names.insert(item.user);
    after = page->next.value_or("");
  } while (!after.empty());
  EXPECT_EQ(seen, 8U);  // the two signers too
  EXPECT_EQ(names, (std::set<std::string>{"", "alice", "bob"}));
}

TEST_F(CertificateList, NobodySeesAnothers) {
  const kms::Actor alice = actorOf("alice");
  EXPECT_REASON(list(alice, "bob"), Reason::Forbidden);
  EXPECT_REASON(list(alice, "nobody"), Reason::Forbidden);
  EXPECT_REASON(list(nobody, ""), Reason::Forbidden);
  EXPECT_REASON(list(nobody, "alice"), Reason::Forbidden);
  EXPECT_REASON(service->show(alice, serials["bob"][0]), Reason::Forbidden);
  EXPECT_REASON(service->show(nobody, serials["bob"][0]), Reason::Forbidden);
  EXPECT_REASON(service->show(alice, *(*authority->current())->cmp.certificate.ourSerial()),
                Reason::Forbidden);
  auto own = service->show(alice, serials["alice"][1]);
  ASSERT_OK(own);
  EXPECT_EQ(own->serial, serials["alice"][1]);
  EXPECT_EQ(own->state, pki::CertificateState::Active);
  EXPECT_FALSE(own->archived);
}

TEST_F(CertificateList, BadQuestions) {
  EXPECT_CODE(list(admin, "nobody"), Code::NotFound);
  EXPECT_CODE(list(admin, "", "xyz"), Code::Invalid);
  EXPECT_CODE(list(admin, "", pki::serialText(pki::newSerial(base::systemRng()))), Code::Invalid);
  EXPECT_CODE(list(admin, "", "", policy.pageMost + 1), Code::Invalid);
  EXPECT_CODE(service->show(admin, pki::newSerial(base::systemRng())), Code::NotFound);
  EXPECT_CODE(service->status(pki::newSerial(base::systemRng())), Code::NotFound);
  vault->seal();
  EXPECT_REASON(list(admin, ""), Reason::Sealed);
  EXPECT_REASON(service->status(serials["bob"][0]), Reason::Sealed);
}

TEST_F(CertificateList, ALostRowIsDamageAndNotAbsence) {
  auto keys = vault->hold();
  const auto middle = (*keys)->sequencesOf(serials["alice"][1]);
  ASSERT_FALSE(middle.empty());
  ASSERT_OK(tamper([&](kms::Txn& txn) { return txn.erase(kms::Table::Certificates, middle[0]); }));
  EXPECT_REASON(list(admin, "alice"), Reason::DatabaseCorrupt);
}

}  // namespace
}  // namespace tests
