// What CMP gives along for clients that know an authority of several keys ago.
#include "kms/pki/authority_change.h"
#include "kms/pki/cmp_oids.h"
#include "tests/unit/pki/cmp_say.h"

namespace tests {
namespace {

using namespace kms::pki;

class CmpLinks : public CmpWire {
 protected:
  void rollOver() {
    AuthorityPlan plan;
    plan.organisation = "Acme";
    const AuthorityTools tools{
        *vault, *store, *authority, clock, policy, base::systemRng(), tokens->approvals()};
    ASSERT_OK(rolloverAuthority(tools, std::nullopt, plan, admin));
  }
  base::Bytes own(std::int64_t number) const {
    return (*authority->number(number))->authority.certificate.der;
  }
  Link link(std::int64_t number) const { return (*authority->number(number))->links.front(); }

  // What is answered to rootCaCert with `given` (DER, or nothing): newWithNew, newWithOld, oldWithNew.
  std::vector<base::Bytes> updateOf(const base::Bytes& given) {
    Der question;
    question.sequence([&] {
      question.sequence([&] {
        question.oid(oid::kRootCaCert);
        if (!given.empty()) question.raw(given);
      });
    });
    const auto heard = say(asAlice(CmpBody::Genm, std::move(question).take()));
    DerReader outer(heard.message.content);
    DerReader list = outer.enter(kSequence);
    DerReader info = list.enter(kSequence);
    EXPECT_EQ(base::asText(info.value(kOid)), oid::kRootCaKeyUpdate);
    std::vector<base::Bytes> all;
    if (!info.more()) return all;
    const auto add = [&](base::BytesView der) { all.emplace_back(der.begin(), der.end()); };
    DerReader update = info.enter(kSequence);
    add(update.element(kSequence));
    for (const unsigned number : {0U, 1U})
      if (update.more()) add(update.enter(contextTag(number)).element(kSequence));
    EXPECT_TRUE(update.done());
    return all;
  }
};

TEST_F(CmpLinks, EachRootLeadsToTheOneThatTookItsPlace) {
  EXPECT_EQ(updateOf({}), std::vector<base::Bytes>{own(1)}) << "there was none before";
  EXPECT_TRUE(updateOf(own(1)).empty());
  for (int i = 0; i < 3; ++i) rollOver();
  for (const std::int64_t number : {1, 2, 3}) {
    const Link to = link(number + 1);
    EXPECT_EQ(updateOf(own(number)), (std::vector{own(number + 1), to.newWithOld, to.oldWithNew})) << number;
  }
  EXPECT_TRUE(updateOf(own(4)).empty()) << "it is the newest";
  const std::vector newest{own(4), link(4).newWithOld, link(4).oldWithNew};
  EXPECT_EQ(updateOf({}), newest);
  Der other;
  other.sequence([&] { other.null(); });
  EXPECT_EQ(updateOf(std::move(other).take()), newest) << "a root that is not known";
}

TEST_F(CmpLinks, AllOfThemComeAlong) {
  for (int i = 0; i < 3; ++i) rollOver();
  const auto mine = newKey();
  const auto heard = say(asAlice(CmpBody::Ir, crmfOf(mine, "alice")));
  const std::vector<base::Bytes> wanted{link(4).newWithOld, link(3).newWithOld, link(2).newWithOld, own(4)};
  const auto& extra = heard.message.extraCerts;
  ASSERT_EQ(extra.size(), wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) EXPECT_TRUE(std::ranges::equal(extra[i], wanted[i])) << i;
  // A program that asks for certificates of authorities gets the links in both directions.
  const auto known = say(asAlice(CmpBody::Genm, informationOf({oid::kCaCerts})));
  DerReader outer(known.message.content);
  DerReader list = outer.enter(kSequence);
  DerReader info = list.enter(kSequence);
  info.value(kOid);
  DerReader listed = info.enter(kSequence);
  std::size_t count = 0;
  for (; listed.more(); ++count) listed.element(kSequence);
  EXPECT_EQ(count, 7U);
}

}  // namespace
}  // namespace tests
