// CMP with messages that no good client sends.
#include "kms/pki/cmp_oids.h"
#include "tests/unit/pki/cmp_say.h"

namespace tests {
namespace {

using namespace kms::pki;

TEST_F(CmpWire, AnswersUnderTheSecretWithAFreshSalt) {
  const auto own = newKey();
  const auto first = say(asAlice(CmpBody::Ir, crmfOf(own, "alice")));
  const auto second = say(asAlice(CmpBody::Ir, crmfOf(own, "alice")));
  for (const Heard* heard : {&first, &second}) {
    EXPECT_TRUE(isUnder(*heard, secret));
    EXPECT_FALSE(heard->failure);
    EXPECT_EQ(base::asText(heard->message.transaction), "0123456789abcdef");
    EXPECT_EQ(base::asText(heard->message.recipNonce), "fedcba9876543210");
    EXPECT_EQ(base::asText(heard->message.senderKid), "alice");
    EXPECT_EQ(parsePbm(heard->message.algorithm)->iterations, 500U);
  }
  EXPECT_EQ(first.certificate, second.certificate);
  EXPECT_FALSE(std::ranges::equal(first.message.algorithm, second.message.algorithm));
}

TEST_F(CmpWire, SignsWhatItSaysToThoseItDoesNotKnow) {
  auto wrong = asAlice(CmpBody::Ir, crmfOf(newKey(), "alice"));
  wrong.secret = "ABCD-EFGH-JKMN";
  auto unknown = wrong;
  unknown.user = "nobody";
  auto odd = wrong;
  odd.user = "\xFF\x01 no name";
  for (const Wire& wire : {wrong, unknown, odd}) {
    const auto heard = say(wire);
    EXPECT_TRUE(isSigned(heard));
    EXPECT_EQ(heard.failure, failure(CmpFailure::BadMessageCheck));
    EXPECT_TRUE(std::ranges::equal(heard.message.content, say(wrong).message.content));
  }
}

TEST_F(CmpWire, BoundsTheIterations) {
  for (const std::uint64_t iterations : {0U, 1U, 99U, 100'001U, 4'000'000'000U}) {
    auto wire = asAlice(CmpBody::Genm, informationOf({}));
    wire.iterations = iterations;
    const auto heard = say(wire);
    EXPECT_TRUE(isSigned(heard));
    EXPECT_EQ(heard.failure, failure(CmpFailure::BadAlg));
  }
  for (const std::uint64_t iterations : {100U, 100'000U}) {
    auto wire = asAlice(CmpBody::Genm, informationOf({}));
    wire.iterations = iterations;
    EXPECT_TRUE(isUnder(say(wire), secret));
  }
}

TEST_F(CmpWire, ChecksTheHeader) {
  auto wire = asAlice(CmpBody::Genm, informationOf({}));
  wire.version = 1;
  EXPECT_EQ(say(wire).failure, failure(CmpFailure::UnsupportedVersion));
  wire.version = 3;
  EXPECT_EQ(say(wire).message.version, 3U);
  wire.senderNonce.clear();
  EXPECT_EQ(say(wire).failure, failure(CmpFailure::BadSenderNonce));
  wire.transaction.clear();
  EXPECT_EQ(say(wire).failure, failure(CmpFailure::BadDataFormat));
}

TEST_F(CmpWire, RefusesOtherBodies) {
  for (const unsigned type : {1U, 5U, 9U, 13U, 19U, 20U, 25U, 29U, 30U}) {
    const auto heard = say(asAlice(static_cast<CmpBody>(type), informationOf({})));
    EXPECT_TRUE(isUnder(heard, secret)) << type;
    EXPECT_EQ(heard.failure, failure(CmpFailure::BadRequest)) << type;
  }
  EXPECT_EQ(say(asAlice(CmpBody::Error, informationOf({}))).message.type, CmpBody::PkiConf);
}

TEST_F(CmpWire, LivesThroughDamage) {
  const auto good = messageOf(asAlice(CmpBody::Ir, crmfOf(newKey(), "alice")));
  for (std::size_t size = 0; size < good.size(); ++size)
    EXPECT_CODE(post(base::BytesView(good).first(size)), base::Code::Invalid);
  for (std::size_t at = 0; at < good.size(); at += 3) {
    auto bad = good;
    bad[at] ^= std::byte{0x41};
    auto answered = post(bad);
    if (!answered) continue;
    EXPECT_TRUE(hear(answered->message).failure) << at;
  }
  auto longer = good;
  longer.push_back(std::byte{0});
  EXPECT_CODE(post(longer), base::Code::Invalid);
  EXPECT_TRUE(certificatesOf("alice").empty());
}

TEST_F(CmpWire, TakesOneRequestThatItsKeyHasSigned) {
  const auto own = newKey();
  const auto one = crmfOf(own, "alice");
  const auto inside = DerReader(one).value(kSequence);
  Der two;
  two.sequence([&] {
    two.raw(inside);
    two.raw(inside);
  });
  EXPECT_EQ(say(asAlice(CmpBody::Ir, std::move(two).take())).failure, failure(CmpFailure::BadRequest));
  auto forged = one;
  forged.back() ^= std::byte{1};
  EXPECT_EQ(say(asAlice(CmpBody::Ir, forged)).failure, failure(CmpFailure::BadPop));
  EXPECT_EQ(say(asAlice(CmpBody::Ir, informationOf({}))).failure, failure(CmpFailure::BadDataFormat));
  EXPECT_EQ(say(asAlice(CmpBody::P10cr, informationOf({}))).failure, failure(CmpFailure::BadCertTemplate));
}

TEST_F(CmpWire, RefusesExtensionsOfAuthorities) {
  Der extensions;
  extensions.nest(contextTag(9), [&] {
    extensions.sequence([&] {
      extensions.oid(oid::kBasicConstraints);
      extensions.nest(kOctetString, [&] { extensions.sequence([&] { extensions.yes(); }); });
    });
  });
  const auto heard = say(asAlice(CmpBody::Ir, crmfOf(newKey(), "alice", extensions.view())));
  EXPECT_EQ(heard.failure, failure(CmpFailure::BadCertTemplate));
  EXPECT_TRUE(certificatesOf("alice").empty());
}

TEST_F(CmpWire, ConfirmsOnlyWhatItHasAnswered) {
  const auto heard = say(asAlice(CmpBody::Ir, crmfOf(newKey(), "alice")));
  auto conf = asAlice(CmpBody::CertConf, certConfOf(hashOf(heard.certificate)));
  EXPECT_EQ(say(conf).failure, failure(CmpFailure::BadRecipientNonce));
  conf.recipNonce = nonceOf(heard);
  conf.transaction = "another transact";
  EXPECT_EQ(say(conf).failure, failure(CmpFailure::BadRecipientNonce));
  conf.transaction = Wire{}.transaction;
  auto other = conf;
  other.content = certConfOf(base::Bytes(32));
  EXPECT_EQ(say(other).failure, failure(CmpFailure::BadCertId));
  auto bob = conf;
  bob.user = "bob";
  bob.secret = token("bob");
  EXPECT_EQ(say(bob).failure, failure(CmpFailure::BadCertId));
  EXPECT_EQ(certificatesOf("alice").front().state, CertificateState::Unconfirmed);
  EXPECT_EQ(say(conf).message.type, CmpBody::PkiConf);
  EXPECT_EQ(certificatesOf("alice").front().state, CertificateState::Active);
  EXPECT_EQ(say(conf).failure, failure(CmpFailure::BadMessageCheck));  // the token is used up
}

TEST_F(CmpWire, TakesNoSecondMindOnAConfirmation) {
  const auto own = newKey();
  const auto certificate = enrolled(own);
  const auto next = newKey(KeyKind::Ed25519);
  const auto heard = say(asHolder(CmpBody::Kur, crmfOf(next, "alice"), own, certificate));
  ASSERT_FALSE(heard.failure);
  EXPECT_TRUE(isSigned(heard));
  auto conf = asHolder(CmpBody::CertConf, certConfOf(hashOf(heard.certificate)), own, certificate);
  conf.recipNonce = nonceOf(heard);
  EXPECT_EQ(say(conf).message.type, CmpBody::PkiConf);
  EXPECT_EQ(say(conf).message.type, CmpBody::PkiConf);  // the answer was lost
  conf.content = certConfOf(hashOf(heard.certificate), 2);
  EXPECT_EQ(say(conf).failure, failure(CmpFailure::CertConfirmed));
  EXPECT_EQ(certificatesOf("alice").front().state, CertificateState::Active);
  // An Ed25519 key signs messages too.
  EXPECT_FALSE(say(asHolder(CmpBody::Genm, informationOf({}), next, heard.certificate)).failure);
}

TEST_F(CmpWire, ForgetsNothingItDoesNotKeep) {
  const auto heard = say(asAlice(CmpBody::Ir, crmfOf(newKey(), "alice")));
  auto conf = asAlice(CmpBody::CertConf, certConfOf(hashOf(heard.certificate), 2));
  conf.recipNonce = nonceOf(heard);
  EXPECT_EQ(say(conf).message.type, CmpBody::PkiConf);
  EXPECT_EQ(certificatesOf("alice").front().state, CertificateState::Revoked);
  EXPECT_FALSE(say(asAlice(CmpBody::Ir, crmfOf(newKey(), "alice"))).failure);
}

TEST_F(CmpWire, HoldsOnlyByMessagesOfNow) {
  const auto own = newKey();
  const auto certificate = enrolled(own);
  auto rr = asHolder(CmpBody::Rr, revocationOf(certificate, RevocationReason::Hold), own, certificate);
  for (const auto off : {std::chrono::hours(-2), std::chrono::hours(2)}) {
    rr.time = clock.now() + off;
    EXPECT_EQ(say(rr).failure, failure(CmpFailure::BadTime));
  }
  EXPECT_EQ(certificatesOf("alice").front().state, CertificateState::Active);
  rr.time = clock.now();
  EXPECT_FALSE(say(rr).failure);
  EXPECT_EQ(certificatesOf("alice").front().state, CertificateState::Held);
  EXPECT_EQ(say(rr).failure, failure(CmpFailure::SignerNotTrusted));
}

TEST_F(CmpWire, RefusesOddRevocations) {
  const auto own = newKey();
  const auto certificate = enrolled(own);
  auto rr =
      asHolder(CmpBody::Rr, revocationOf(certificate, static_cast<RevocationReason>(77)), own, certificate);
  EXPECT_EQ(say(rr).failure, failure(CmpFailure::BadRequest));
  rr.content = revocationOf(certificate, RevocationReason::AuthorityCompromise);
  EXPECT_EQ(say(rr).failure, failure(CmpFailure::BadRequest));
  rr.content = revocationOf(certificateIn("ca.crt"), RevocationReason::Unspecified);
  EXPECT_EQ(say(rr).failure, failure(CmpFailure::BadCertId));
  rr.content = informationOf({});
  EXPECT_EQ(say(rr).failure, failure(CmpFailure::BadDataFormat));
  EXPECT_EQ(certificatesOf("alice").front().state, CertificateState::Active);
}

TEST_F(CmpWire, ChecksSignatures) {
  const auto own = newKey();
  const auto certificate = enrolled(own);
  const auto other = newKey();
  EXPECT_EQ(say(asHolder(CmpBody::Genm, informationOf({}), other, certificate)).failure,
            failure(CmpFailure::BadMessageCheck));
  auto good = messageOf(asHolder(CmpBody::Genm, informationOf({}), own, certificate));
  EXPECT_FALSE(hear(post(good)->message).failure);
  auto bare = parseCmpMessage(good);
  const auto without = writeCmpMessage(bare->header, bare->body, bare->protection, {});
  EXPECT_EQ(hear(post(without)->message).failure, failure(CmpFailure::SignerNotTrusted));
}

TEST_F(CmpWire, AnswersWhatItKnowsAndNothingElse) {
  const auto heard = say(asAlice(
      CmpBody::Genm,
      informationOf({oid::kCaCerts, oid::kCurrentCrl, oid::kCrlStatusList, oid::kRootCaCert, oid::kMail})));
  const auto ca = certificateIn("ca.crt");
  const std::vector<std::pair<std::string_view, base::BytesView>> wanted{{oid::kCaCerts, ca},
                                                                         {oid::kCurrentCrl, crl},
                                                                         {oid::kCrls, crl},
                                                                         {oid::kRootCaKeyUpdate, ca},
                                                                         {oid::kMail, {}}};
  DerReader outer(heard.message.content);
  DerReader list = outer.enter(kSequence);
  for (const auto& [type, value] : wanted) {
    DerReader info = list.enter(kSequence);
    EXPECT_EQ(base::asText(info.value(kOid)), type);
    auto given = info.more() ? info.any() : base::BytesView{};
    if (type != oid::kCurrentCrl && !given.empty()) given = DerReader(given).value(kSequence);
    EXPECT_TRUE(std::ranges::equal(given, value));
    EXPECT_TRUE(info.done());
  }
  EXPECT_TRUE(list.done());
}

TEST_F(CmpWire, SaysThatItIsSealed) {
  const auto message = messageOf(asAlice(CmpBody::Genm, informationOf({})));
  vault->seal();
  EXPECT_REASON(post(message), base::Reason::Sealed);
}

}  // namespace
}  // namespace tests
