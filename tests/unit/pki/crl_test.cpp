// Revocation lists: read by openssl and certtool, and small in memory.
#include "kms/pki/crl.h"

#include "kms/pki/crl_publisher.h"
#include "tests/unit/pki/tools.h"

namespace tests {
namespace {

namespace pki = kms::pki;
using pki::RevocationReason;

class Crl : public Tools {
 protected:
  static pki::Revocation revocation(std::int64_t key,
                                    RevocationReason reason = RevocationReason::KeyCompromise) {
    pki::Revocation one;
    one.key = key;
    one.serial.fill(std::byte{0x11});
    for (unsigned i = 0; i < 8; ++i) one.serial[15 - i] = static_cast<std::byte>(key >> (8U * i));
    one.at = now() - std::chrono::hours(1);
    one.reason = reason;
    one.expires = now() + std::chrono::hours(24 * 100);
    return one;
  }
  pki::CrlTimes times() const { return {now() - std::chrono::minutes(1), now() + std::chrono::hours(24)}; }
  // A certificate of the authority with this serial number.
  base::Bytes certificate(const pki::Issuer& issuer, const pki::Serial& serial) {
    auto key = pki::PrivateKey::generate(pki::KeyKind::EcdsaP256);
    auto order = orderFor(key->publicKey(), pki::Profile::Signing);
    order.serial = serial;
    auto der = pki::signCertificate(issuer, order, {});
    EXPECT_TRUE(der) << errorOf(der);
    return *der;
  }
  // What openssl says of the certificate under this list.
  std::string verified(const pki::Issuer& issuer, const pki::Serial& serial, base::BytesView crl) {
    putCertificate("ca.pem", issuer.certificate.der);
    putCertificate("one.pem", certificate(issuer, serial));
    put("list.pem", pki::pem("X509 CRL", crl));
    const Ran ran = tryOpenssl(
        {"verify", "-x509_strict", "-crl_check", "-CAfile", "@ca.pem", "-CRLfile", "@list.pem", "@one.pem"});
    return ran.exit == 0 ? "good" : ran.out + ran.err;
  }
};

class CrlOfEachKind : public Crl, public ::testing::WithParamInterface<pki::KeyKind> {};

TEST_P(CrlOfEachKind, IsWhatOpensslTakesItFor) {
  const auto issuer = makeAuthority(GetParam());
  pki::CrlEntries entries;
  entries.add(revocation(1));
  entries.add(revocation(2, RevocationReason::Unspecified));
  const auto crl = pki::signCrl(issuer, entries, times(), 77);
  ASSERT_TRUE(crl) << errorOf(crl);
  EXPECT_NE(verified(issuer, revocation(1).serial, *crl).find("certificate revoked"), std::string::npos);
  EXPECT_NE(verified(issuer, revocation(2).serial, *crl).find("certificate revoked"), std::string::npos);
  EXPECT_EQ(verified(issuer, revocation(3).serial, *crl), "good");
  put("list.der", *crl);
  const auto text = openssl({"crl", "-inform", "DER", "-in", "@list.der", "-noout", "-text"});
  EXPECT_NE(text.find("Version 2"), std::string::npos) << text;
  EXPECT_NE(text.find("Key Compromise"), std::string::npos) << text;
  EXPECT_NE(text.find("X509v3 Authority Key Identifier"), std::string::npos) << text;
  EXPECT_NE(openssl({"crl", "-inform", "DER", "-in", "@list.der", "-noout", "-crlnumber"}).find("4D"),
            std::string::npos);
  const auto seen = certtool({"--crl-info", "--inder", "--infile", "@list.der"});
  EXPECT_NE(seen.find("Revoked certificates (2)"), std::string::npos) << seen;
}

INSTANTIATE_TEST_SUITE_P(Kinds, CrlOfEachKind,
                         ::testing::Values(pki::KeyKind::EcdsaP256, pki::KeyKind::EcdsaP384,
                                           pki::KeyKind::Rsa3072, pki::KeyKind::Ed25519),
                         kindOf);

TEST_F(Crl, AnEmptyOneIsGood) {
  const auto issuer = makeAuthority();
  const auto crl = pki::signCrl(issuer, {}, times(), 1);
  ASSERT_TRUE(crl);
  EXPECT_EQ(verified(issuer, revocation(1).serial, *crl), "good");
}

TEST_F(Crl, OfEverySizeAroundTheLengthsOfDerIsWhole) {
  const auto issuer = makeAuthority();
  pki::CrlEntries entries;
  std::size_t steps = 0;
  for (std::int64_t key = 1; key <= 2'000; ++key) {
    entries.add(revocation(key, key % 3 == 0 ? RevocationReason::Unspecified : RevocationReason::Superseded));
    const bool near = key < 8 || (key > 1'300 && key < 1'320);  // 127, 255 and 65,535 bytes
    if (!near && key != 2'000) continue;
    ++steps;
    const auto crl = pki::signCrl(issuer, entries, times(), key);
    ASSERT_TRUE(crl);
    put("list.der", *crl);
    const auto text = openssl({"crl", "-inform", "DER", "-in", "@list.der", "-noout", "-text"});
    std::size_t count = 0;
    for (auto at = text.find("Serial Number:"); at != std::string::npos;
         at = text.find("Serial Number:", at + 1))
      ++count;
    EXPECT_EQ(count, std::size_t(key));
    const auto read = pki::readCrlTimes(*crl);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->nextUpdate - read->thisUpdate, std::chrono::hours(24) + std::chrono::minutes(1));
  }
  EXPECT_GT(steps, 20U);
}

TEST_F(Crl, ADeltaTellsTheListThatItChanges) {
  const auto issuer = makeAuthority();
  pki::CrlEntries changes;
  changes.add(revocation(5, RevocationReason::RemoveFromCrl));
  const auto delta = pki::signDeltaCrl(issuer, changes, times(), 12, 11);
  ASSERT_TRUE(delta);
  put("delta.der", *delta);
  const auto text = openssl({"crl", "-inform", "DER", "-in", "@delta.der", "-noout", "-text"});
  EXPECT_NE(text.find("X509v3 Delta CRL Indicator: critical"), std::string::npos) << text;
  EXPECT_NE(text.find("Remove From CRL"), std::string::npos) << text;
}

TEST_F(Crl, EntriesGoWhenTheirCertificateHasEndedAndWasListedSince) {
  pki::CrlEntries entries;
  auto ended = revocation(1);
  ended.expires = now() - std::chrono::hours(2);
  entries.add(ended);
  entries.add(revocation(2));
  entries.add(revocation(3));
  entries.dropExpired(now() - std::chrono::hours(3));
  EXPECT_EQ(entries.size(), 3U) << "no list was made since it ended";
  entries.dropExpired(now() - std::chrono::hours(1));
  EXPECT_EQ(entries.size(), 2U);
  entries.remove(2);
  entries.remove(2);
  EXPECT_EQ(entries.size(), 1U);
  EXPECT_EQ(entries.since(2).size(), 1U);
  EXPECT_EQ(entries.since(3).size(), 0U);
}

TEST(CrlNumber, RisesAlsoAfterARestoreAndWithTheClockBack) {
  EXPECT_EQ(pki::nextCrlNumber(0, 1'700'000'000'000), 1'700'000'000'000);
  EXPECT_EQ(pki::nextCrlNumber(1'700'000'000'000, 1'600'000'000'000), 1'700'000'000'001);
}

TEST(CrlTimes, AreNotReadOutOfAnythingElse) {
  for (const std::string_view text :
       {std::string_view(), std::string_view("\x30\x03\x30\x01\x02", 5), std::string_view("no list at all")})
    EXPECT_FALSE(pki::readCrlTimes(base::asBytes(text)));
}

TEST(RevocationReasons, HaveNamesThatAreReadBack) {
  for (int i = 0; i <= 9; ++i) {
    if (i == 7) continue;
    const auto reason = static_cast<RevocationReason>(i);
    EXPECT_EQ(pki::parseRevocationReason(pki::reasonName(reason)), reason);
  }
  EXPECT_FALSE(pki::parseRevocationReason("because"));
}

}  // namespace
}  // namespace tests
