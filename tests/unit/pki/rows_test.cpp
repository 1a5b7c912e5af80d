// The rows of certificates, revocations, archived keys and authorities: whole, and nothing but whole.
#include <gtest/gtest.h>

#include <random>

#include "hal/base/rfc3339.h"
#include "kms/pki/archive_row.h"
#include "kms/pki/authority_row.h"
#include "kms/pki/certificate_row.h"
#include "kms/pki/revocation_row.h"
#include "tests/unit/keys/worked_examples.h"

namespace tests {
namespace {

using base::Bytes;
using std::chrono::seconds;
namespace pki = kms::pki;

base::Time at(std::int64_t second) { return base::Time(seconds(second)); }
Bytes bytes(std::size_t size, unsigned seed) {
  Bytes out(size);
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::byte>(seed + i);
  return out;
}

Bytes fromHex(std::string_view hex) {
  Bytes out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    out.push_back(static_cast<std::byte>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  return out;
}

pki::CertificateRow certificate() {
  pki::CertificateRow row;
  row.state = pki::CertificateState::Held;
  row.profile = pki::Profile::Encryption;
  row.serial.fill(std::byte{0x5A});
  row.user = 1;
  row.authority = 2;
  row.previous = 3;
  row.token = 4;
  row.archived = 5;
  row.revocation = 6;
  row.line = 7;
  row.grant = kms::Role::Verifier;
  row.issued = at(10);
  row.notBefore = at(11);
  row.notAfter = at(12);
  row.confirmBy = at(13);
  row.revokedAt = at(14);
  row.implicit = true;
  row.reason = pki::RevocationReason::Hold;
  row.key.fill(std::byte{0xC3});
  row.der = bytes(700, 1);
  return row;
}

pki::AuthorityRow authority() {
  pki::AuthorityRow row;
  row.state = pki::AuthorityState::Old;
  row.certificate = bytes(500, 1);
  row.chain = {bytes(400, 2), bytes(300, 3)};
  row.key = *base::SecretBuffer::copyOf(bytes(121, 4));
  row.ocspCertificate = bytes(501, 5);
  row.ocspKey = *base::SecretBuffer::copyOf(bytes(122, 6));
  row.cmpCertificate = bytes(502, 7);
  row.cmpKey = *base::SecretBuffer::copyOf(bytes(123, 8));
  return row;
}

// Cut anywhere, longer, or of another version it is refused; altered anywhere it does no harm.
template <class Decode>
void expectBounded(Bytes good, Decode decode) {
  ASSERT_TRUE(decode(good));
  for (std::size_t size = 0; size < good.size(); ++size) {
    auto cut = decode(base::BytesView(good).first(size));
    ASSERT_FALSE(cut) << size;
    EXPECT_EQ(cut.error().reason, base::Reason::DatabaseCorrupt);
  }
  Bytes longer = good;
  longer.push_back(std::byte{0});
  EXPECT_FALSE(decode(longer));
  Bytes other = good;
  other[0] = std::byte{2};
  EXPECT_FALSE(decode(other));
  std::mt19937 dice(7);
  for (int i = 0; i < 2000; ++i) {
    Bytes bad = good;
    for (int n = 0; n < 3; ++n) bad[dice() % bad.size()] = static_cast<std::byte>(dice());
    static_cast<void>(bool(decode(bad)));
  }
}

TEST(CertificateRow, ComesBackWhole) {
  const auto row = certificate();
  auto back = pki::decodeCertificate(pki::encodeCertificate(row));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->state, row.state);
  EXPECT_EQ(back->profile, row.profile);
  EXPECT_EQ(back->serial, row.serial);
  EXPECT_EQ(back->user, 1);
  EXPECT_EQ(back->authority, 2);
  EXPECT_EQ(back->previous, 3);
  EXPECT_EQ(back->token, 4);
  EXPECT_EQ(back->archived, 5);
  EXPECT_EQ(back->revocation, 6);
  EXPECT_EQ(back->line, 7);
  EXPECT_EQ(back->grant, kms::Role::Verifier);
  EXPECT_EQ(back->issued, at(10));
  EXPECT_EQ(back->notBefore, at(11));
  EXPECT_EQ(back->notAfter, at(12));
  EXPECT_EQ(back->confirmBy, at(13));
  EXPECT_EQ(back->revokedAt, at(14));
  EXPECT_TRUE(back->implicit);
  EXPECT_EQ(back->reason, row.reason);
  EXPECT_EQ(back->key, row.key);
  EXPECT_EQ(back->der, row.der);
}

TEST(CertificateRow, IsBounded) {
  expectBounded(pki::encodeCertificate(certificate()), pki::decodeCertificate);
  for (const auto& [at, value] : {std::pair{1, 0}, {1, 5}, {2, 0}, {2, 8}, {3, 7}, {3, 10}, {4, 2}, {5, 5}}) {
    Bytes bad = pki::encodeCertificate(certificate());
    bad[static_cast<std::size_t>(at)] = static_cast<std::byte>(value);
    EXPECT_FALSE(pki::decodeCertificate(bad)) << at << " " << value;
  }
  auto empty = certificate();
  empty.der.clear();
  EXPECT_FALSE(pki::decodeCertificate(pki::encodeCertificate(empty)));
}

TEST(CertificateRow, TimeDecidesOnlyWhatIsNotConfirmed) {
  auto row = certificate();
  row.confirmBy = at(100);
  for (const auto state :
       {pki::CertificateState::Active, pki::CertificateState::Revoked, pki::CertificateState::Held}) {
    row.state = state;
    EXPECT_EQ(pki::stateOf(row, at(200)), state);
  }
  row.state = pki::CertificateState::Unconfirmed;
  EXPECT_EQ(pki::stateOf(row, at(99)), pki::CertificateState::Unconfirmed);
  EXPECT_EQ(pki::stateOf(row, at(100)), pki::CertificateState::Active);
  row.implicit = false;
  EXPECT_EQ(pki::stateOf(row, at(99)), pki::CertificateState::Unconfirmed);
  EXPECT_EQ(pki::stateOf(row, at(100)), pki::CertificateState::Revoked);
}

TEST(RevocationRow, ComesBackWholeAndIsBounded) {
  pki::RevocationRow row;
  row.revocation.serial.fill(std::byte{0x11});
  row.revocation.at = at(5);
  row.revocation.reason = pki::RevocationReason::PrivilegeWithdrawn;
  row.revocation.expires = at(6);
  row.authority = 7;
  row.certificate = 8;
  const Bytes plain = pki::encodeRevocation(row);
  auto back = pki::decodeRevocation(plain);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->revocation.serial, row.revocation.serial);
  EXPECT_EQ(back->revocation.at, at(5));
  EXPECT_EQ(back->revocation.reason, row.revocation.reason);
  EXPECT_EQ(back->revocation.expires, at(6));
  EXPECT_EQ(back->authority, 7);
  EXPECT_EQ(back->certificate, 8);
  expectBounded(plain, pki::decodeRevocation);
}

TEST(ArchiveRow, ComesBackWholeAndIsBounded) {
  pki::ArchiveRow row{3, 4, *base::SecretBuffer::copyOf(bytes(121, 9))};
  const auto secret = pki::encodeArchived(row);
  auto back = pki::decodeArchived(secret);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->user, 3);
  EXPECT_EQ(back->certificate, 4);
  EXPECT_EQ(base::toHex(back->key.bytes()), base::toHex(row.key.bytes()));
  expectBounded(Bytes(secret.begin(), secret.end()), pki::decodeArchived);
}

TEST(AuthorityRow, ComesBackWholeAndIsBounded) {
  const auto row = authority();
  const auto secret = pki::encodeAuthority(row);
  auto back = pki::decodeAuthority(secret);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->state, row.state);
  EXPECT_EQ(back->certificate, row.certificate);
  EXPECT_EQ(back->chain, row.chain);
  EXPECT_EQ(base::toHex(back->key.bytes()), base::toHex(row.key.bytes()));
  EXPECT_EQ(back->ocspCertificate, row.ocspCertificate);
  EXPECT_EQ(base::toHex(back->ocspKey.bytes()), base::toHex(row.ocspKey.bytes()));
  EXPECT_EQ(back->cmpCertificate, row.cmpCertificate);
  EXPECT_EQ(base::toHex(back->cmpKey.bytes()), base::toHex(row.cmpKey.bytes()));
  expectBounded(Bytes(secret.begin(), secret.end()), pki::decodeAuthority);
  auto waiting = authority();
  waiting.state = pki::AuthorityState::Waiting;
  EXPECT_FALSE(pki::decodeAuthority(pki::encodeAuthority(waiting)));
  waiting.certificate.clear();
  waiting.chain.clear();
  EXPECT_FALSE(pki::decodeAuthority(pki::encodeAuthority(waiting))) << "what does it wait for?";
  waiting.request = bytes(200, 9);
  auto asked = pki::decodeAuthority(pki::encodeAuthority(waiting));
  ASSERT_TRUE(asked);
  EXPECT_EQ(asked->request, waiting.request);
  auto linked = authority();
  linked.newWithOld = bytes(504, 10);
  EXPECT_FALSE(pki::decodeAuthority(pki::encodeAuthority(linked))) << "both links or none";
  linked.oldWithNew = bytes(505, 11);
  const auto text = pki::encodeAuthority(linked);
  auto both = pki::decodeAuthority(text);
  ASSERT_TRUE(both);
  EXPECT_EQ(both->newWithOld, linked.newWithOld);
  EXPECT_EQ(both->oldWithNew, linked.oldWithNew);
  for (std::size_t size = 0; size < text.size(); ++size)
    ASSERT_FALSE(pki::decodeAuthority(base::BytesView(text).first(size))) << size;
  linked.request = bytes(200, 9);
  EXPECT_FALSE(pki::decodeAuthority(pki::encodeAuthority(linked))) << "it waits for nothing";
  auto bare = authority();
  bare.cmpKey.clear();
  EXPECT_FALSE(pki::decodeAuthority(pki::encodeAuthority(bare)));
}

TEST(Formats, CertificateRow) {
  Example x = workedExample("certificate row");
  pki::CertificateRow row;
  row.state = static_cast<pki::CertificateState>(std::stoi(x["state"]));
  row.profile = *pki::parseProfile(x["profile"]);
  row.grant = *kms::parseRole(x["grant"]);
  row.serial = *pki::parseSerial(x["serial"]);
  row.user = std::stoll(x["user"]);
  row.authority = std::stoll(x["authority"]);
  row.token = std::stoll(x["token"]);
  row.line = std::stoll(x["line"]);
  row.issued = *base::parseTime(x["issued"]);
  row.notBefore = *base::parseTime(x["not before"]);
  row.notAfter = *base::parseTime(x["not after"]);
  row.confirmBy = *base::parseTime(x["confirm by"]);
  std::ranges::copy(bytes(32, 0), row.key.begin());
  EXPECT_EQ(base::toHex(row.key), x["key"]);
  row.der = fromHex(x["certificate"]);
  EXPECT_EQ(base::toHex(pki::encodeCertificate(row)), x["row"]);
  EXPECT_TRUE(pki::decodeCertificate(fromHex(x["row"])));
}

TEST(Formats, RevocationRow) {
  Example x = workedExample("revocation row");
  pki::RevocationRow row;
  row.revocation.serial = *pki::parseSerial(x["serial"]);
  row.revocation.at = *base::parseTime(x["at"]);
  row.revocation.reason = *pki::parseRevocationReason(x["reason"]);
  row.revocation.expires = *base::parseTime(x["expires"]);
  row.authority = std::stoll(x["authority"]);
  row.certificate = std::stoll(x["certificate"]);
  EXPECT_EQ(base::toHex(pki::encodeRevocation(row)), x["row"]);
  EXPECT_TRUE(pki::decodeRevocation(fromHex(x["row"])));
}

TEST(Formats, ArchiveRow) {
  Example x = workedExample("archive row");
  const pki::ArchiveRow row{std::stoll(x["user"]), std::stoll(x["certificate"]),
                            *base::SecretBuffer::copyOf(fromHex(x["key"]))};
  EXPECT_EQ(base::toHex(pki::encodeArchived(row)), x["row"]);
  EXPECT_TRUE(pki::decodeArchived(fromHex(x["row"])));
}

TEST(Formats, AuthorityRow) {
  Example x = workedExample("authority row");
  const auto secret = [&](const char* name) { return *base::SecretBuffer::copyOf(fromHex(x[name])); };
  pki::AuthorityRow row;
  row.state = static_cast<pki::AuthorityState>(std::stoi(x["state"]));
  row.certificate = fromHex(x["certificate"]);
  row.chain = {fromHex(x["above"])};
  row.key = secret("key");
  row.ocspCertificate = fromHex(x["ocsp certificate"]);
  row.ocspKey = secret("ocsp key");
  row.cmpCertificate = fromHex(x["cmp certificate"]);
  row.cmpKey = secret("cmp key");
  EXPECT_EQ(base::toHex(pki::encodeAuthority(row)), x["row"]);
  EXPECT_TRUE(pki::decodeAuthority(fromHex(x["row"])));
}

TEST(Formats, WaitingAuthorityRow) {
  Example x = workedExample("waiting authority row");
  pki::AuthorityRow row;
  row.state = static_cast<pki::AuthorityState>(std::stoi(x["state"]));
  row.key = *base::SecretBuffer::copyOf(fromHex(x["key"]));
  row.request = fromHex(x["request"]);
  EXPECT_EQ(base::toHex(pki::encodeAuthority(row)), x["row"]);
  EXPECT_TRUE(pki::decodeAuthority(fromHex(x["row"])));
}

}  // namespace
}  // namespace tests
