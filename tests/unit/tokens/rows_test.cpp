#include <gtest/gtest.h>

#include <random>

#include "kms/tokens/token_row.h"
#include "kms/tokens/user_row.h"

namespace {

using std::chrono::seconds;

kms::TokenRow sampleToken() {
  kms::TokenRow row;
  row.kind = kms::TokenKind::Enrol;
  row.state = kms::TokenState::Voided;
  row.issuer = kms::Role::Issuer;
  row.user = 0x0102030405060708;
  row.issued = base::Time(seconds(1'800'000'000));
  row.ttl = seconds(77);
  row.expires = row.issued + seconds(78);
  row.lifeEnd = row.issued + seconds(79);
  row.uses = 5;
  row.mac.fill(std::byte{0xAB});
  row.scopes = {"read", std::string(64, 'x')};
  row.oneTime = base::secretText("0123456789AB");
  return row;
}

kms::UserRow sampleUser() {
  kms::UserRow row;
  row.user.name = "Doe, Jane";
  row.user.mail = "jane@example.org";
  row.user.dns = {"a.example", "b.example"};
  row.user.commonName = "Jane";
  row.user.role = kms::Role::Verifier;
  row.user.uid = 0;
  row.user.createdAt = base::Time(seconds(1'700'000'000));
  row.oneTime = 9;
  row.pendingUntil = base::Time(seconds(1'800'000'000));
  row.revokedBefore = 7;
  return row;
}

TEST(TokenRow, ComesBackWhole) {
  const kms::TokenRow row = sampleToken();
  auto back = kms::decodeToken(kms::encodeToken(row));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->kind, row.kind);
  EXPECT_EQ(back->state, row.state);
  EXPECT_EQ(back->issuer, row.issuer);
  EXPECT_EQ(back->user, row.user);
  EXPECT_EQ(back->issued, row.issued);
  EXPECT_EQ(back->ttl, row.ttl);
  EXPECT_EQ(back->expires, row.expires);
  EXPECT_EQ(back->lifeEnd, row.lifeEnd);
  EXPECT_EQ(back->uses, row.uses);
  EXPECT_EQ(back->mac, row.mac);
  EXPECT_EQ(back->scopes, row.scopes);
  EXPECT_EQ(base::view(back->oneTime), "0123456789AB");
}

TEST(TokenRow, OfAPlainAccessTokenHasSeventyBytes) {
  kms::TokenRow row = sampleToken();
  row.scopes.clear();
  row.oneTime.clear();
  EXPECT_EQ(kms::encodeToken(row).size(), 70U);
}

TEST(TokenRow, EveryCutAndEveryTailIsCorrupt) {
  const auto plain = kms::encodeToken(sampleToken());
  for (std::size_t size = 0; size < plain.size(); ++size)
    EXPECT_FALSE(kms::decodeToken(std::span(plain).first(size))) << size;
  auto longer = plain;
  longer.push_back(std::byte{0});
  EXPECT_FALSE(kms::decodeToken(longer));
}

TEST(TokenRow, UnknownValuesAreCorrupt) {
  for (std::size_t at = 0; at < 4; ++at) {  // version, kind, state, issuer
    auto plain = kms::encodeToken(sampleToken());
    plain[at] = std::byte{9};
    auto back = kms::decodeToken(plain);
    ASSERT_FALSE(back) << at;
    EXPECT_EQ(back.error().reason, base::Reason::DatabaseCorrupt);
  }
}

TEST(UserRow, ComesBackWhole) {
  const kms::UserRow row = sampleUser();
  auto back = kms::decodeUser(kms::encodeUser(row));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->user.name, row.user.name);
  EXPECT_EQ(back->user.mail, row.user.mail);
  EXPECT_EQ(back->user.dns, row.user.dns);
  EXPECT_EQ(back->user.commonName, row.user.commonName);
  EXPECT_EQ(back->user.role, row.user.role);
  EXPECT_EQ(back->user.uid, row.user.uid);
  EXPECT_EQ(back->user.createdAt, row.user.createdAt);
  EXPECT_EQ(back->oneTime, row.oneTime);
  EXPECT_EQ(back->pendingUntil, row.pendingUntil);
  EXPECT_EQ(back->revokedBefore, row.revokedBefore);
}

TEST(UserRow, EveryCutAndUnknownValueIsCorrupt) {
  const auto plain = kms::encodeUser(sampleUser());
  for (std::size_t size = 0; size < plain.size(); ++size)
    EXPECT_FALSE(kms::decodeUser(std::span(plain).first(size))) << size;
  for (const std::size_t at : {0U, 1U, 10U}) {  // version, role, hasUid
    auto bad = plain;
    bad[at] = std::byte{9};
    EXPECT_FALSE(kms::decodeUser(bad)) << at;
  }
  auto longer = plain;
  longer.push_back(std::byte{0});
  EXPECT_FALSE(kms::decodeUser(longer));
}

TEST(Rows, RandomBytesNeverTroubleTheParsers) {
  std::mt19937 noisy(1);
  for (int i = 0; i < 20'000; ++i) {
    base::Bytes noise(noisy() % 200);
    for (auto& b : noise) b = static_cast<std::byte>(noisy());
    if (!noise.empty()) noise[0] = std::byte{1};
    if (auto row = kms::decodeToken(noise)) {
      EXPECT_EQ(kms::encodeToken(*row).size(), noise.size());
    }
    if (auto row = kms::decodeUser(noise)) {
      EXPECT_EQ(kms::encodeUser(*row).size(), noise.size());
    }
  }
}

TEST(TokenRow, AClaimMakesItVersionTwoAndComesBackWhole) {
  kms::TokenRow row = sampleToken();
  const auto before = kms::encodeToken(row);
  EXPECT_EQ(before[0], std::byte{1});
  EXPECT_FALSE(kms::decodeToken(before)->claim);
  row.claim = kms::TokenClaim{{}, 77, base::Time(seconds(1'800'000'100)), true};
  row.claim->key.fill(std::byte{0xEE});
  auto plain = kms::encodeToken(row);
  EXPECT_EQ(plain[0], std::byte{2});
  EXPECT_EQ(plain.size(), before.size() + 49);
  auto back = kms::decodeToken(plain);
  ASSERT_TRUE(back);
  ASSERT_TRUE(back->claim);
  EXPECT_EQ(back->claim->key, row.claim->key);
  EXPECT_EQ(back->claim->certificate, 77);
  EXPECT_EQ(back->claim->until, row.claim->until);
  EXPECT_TRUE(back->claim->implicit);
  EXPECT_TRUE(back->claim->open(row.claim->until - seconds(1)));
  EXPECT_FALSE(back->claim->open(row.claim->until));
  for (std::size_t size = 0; size < plain.size(); ++size)
    EXPECT_FALSE(kms::decodeToken(base::BytesView(plain).first(size))) << size;
  plain[0] = std::byte{1};
  EXPECT_FALSE(kms::decodeToken(plain));
}

TEST(UserRow, ACertificateMakesItVersionTwoAndComesBackWhole) {
  kms::UserRow row = sampleUser();
  EXPECT_EQ(kms::encodeUser(row)[0], std::byte{1});
  row.newest = 12;
  auto plain = kms::encodeUser(row);
  EXPECT_EQ(plain[0], std::byte{2});
  auto back = kms::decodeUser(plain);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->newest, 12);
  EXPECT_EQ(back->user.dns, row.user.dns);
  for (std::size_t size = 0; size < plain.size(); ++size)
    EXPECT_FALSE(kms::decodeUser(base::BytesView(plain).first(size))) << size;
  plain[0] = std::byte{1};
  EXPECT_FALSE(kms::decodeUser(plain));
}

TEST(UserRow, AnOriginMakesItVersionThreeAndComesBackWhole) {
  for (const std::int64_t newest : {0, 12}) {
    kms::UserRow row = sampleUser();
    row.newest = newest;
    row.origin.emplace().fill(std::byte{0xA7});
    auto plain = kms::encodeUser(row);
    EXPECT_EQ(plain[0], std::byte{3});
    auto back = kms::decodeUser(plain);
    ASSERT_TRUE(back);
    EXPECT_EQ(back->newest, newest);
    EXPECT_EQ(back->origin, row.origin);
    for (std::size_t size = 0; size < plain.size(); ++size)
      EXPECT_FALSE(kms::decodeUser(base::BytesView(plain).first(size))) << size;
    plain[0] = std::byte{2};
    EXPECT_FALSE(kms::decodeUser(plain));
  }
}

}  // namespace
