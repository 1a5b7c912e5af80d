// The worked examples of kms/FORMATS.md, byte for byte.
#include <gtest/gtest.h>

#include <algorithm>

#include "hal/base/rfc3339.h"
#include "kms/tokens/approval_row.h"
#include "kms/tokens/token_row.h"
#include "kms/tokens/user_row.h"
#include "tests/unit/keys/worked_examples.h"

namespace tests {
namespace {

TEST(Formats, UserRow) {
  Example example = workedExample("user row");
  kms::UserRow row;
  row.user.role = *kms::parseRole(example["role"]);
  row.user.createdAt = *base::parseTime(example["created"]);
  row.user.uid = static_cast<std::uint32_t>(std::stoul(example["uid"]));
  row.oneTime = std::stoll(example["one-time token"]);
  row.pendingUntil = *base::parseTime(example["pending until"]);
  row.revokedBefore = std::stoll(example["revoked before"]);
  row.user.name = example["name"];
  row.user.mail = example["mail"];
  row.user.dns = {example["dns"]};
  const base::Bytes bytes = kms::encodeUser(row);
  EXPECT_EQ(base::toHex(bytes), example["row"]);
  const auto back = kms::decodeUser(bytes);
  ASSERT_TRUE(back) << back.error().what;
  EXPECT_EQ(back->user.name, example["name"]);
}

TEST(Formats, TokenRow) {
  Example example = workedExample("token row");
  kms::TokenRow row;
  row.kind = *kms::parseTokenKind(example["kind"]);
  row.issuer = *kms::parseRole(example["issuer"]);
  row.user = std::stoll(example["user"]);
  row.issued = *base::parseTime(example["issued"]);
  row.ttl = std::chrono::seconds(std::stoll(example["ttl"]));
  row.expires = row.issued + row.ttl;
  row.lifeEnd = row.issued + std::chrono::seconds(std::stoll(example["life"]));
  std::ranges::generate(row.mac, [next = 0]() mutable { return static_cast<std::byte>(next++); });
  EXPECT_EQ(base::toHex(row.mac), example["mac"]);
  row.scopes = {example["scope"]};
  const auto bytes = kms::encodeToken(row);
  EXPECT_EQ(base::toHex(bytes), example["row"]);
  EXPECT_TRUE(kms::decodeToken(bytes));
}

TEST(Formats, ClaimedTokenRow) {
  Example example = workedExample("claimed token row");
  kms::TokenRow row;
  row.kind = *kms::parseTokenKind(example["kind"]);
  row.issuer = *kms::parseRole(example["issuer"]);
  row.user = std::stoll(example["user"]);
  row.issued = *base::parseTime(example["issued"]);
  row.ttl = std::chrono::seconds(std::stoll(example["ttl"]));
  row.expires = row.lifeEnd = row.issued + row.ttl;
  std::ranges::generate(row.mac, [next = 0]() mutable { return static_cast<std::byte>(next++); });
  row.oneTime = base::secretText(example["token"]);
  kms::TokenClaim claim;
  std::ranges::generate(claim.key, [next = 0x40]() mutable { return static_cast<std::byte>(next++); });
  EXPECT_EQ(base::toHex(claim.key), example["key"]);
  claim.certificate = std::stoll(example["certificate"]);
  claim.until = *base::parseTime(example["until"]);
  claim.implicit = example["implicit"] == "yes";
  row.claim = claim;
  const auto bytes = kms::encodeToken(row);
  EXPECT_EQ(base::toHex(bytes), example["row"]);
  EXPECT_TRUE(kms::decodeToken(bytes));
}

TEST(Formats, ApprovalRow) {
  Example example = workedExample("approval row");
  kms::ApprovalRow row;
  ASSERT_EQ(example["kind"], "recover token");
  row.subject.kind = kms::ApprovalKind::RecoverToken;
  row.state = static_cast<kms::ApprovalRow::State>(std::stoi(example["state"]));
  row.subject.user = std::stoll(example["user"]);
  row.subject.detail = example["what"];
  row.asked = *base::parseTime(example["asked"]);
  row.expires = *base::parseTime(example["expires"]);
  row.votes.push_back({std::stoll(example["asker"]), row.asked});
  const std::string second = example["second"];
  row.votes.push_back({std::stoll(second), *base::parseTime(second.substr(second.find(' ') + 1))});
  const base::Bytes bytes = kms::encodeApproval(row);
  EXPECT_EQ(base::toHex(bytes), example["row"]);
  EXPECT_TRUE(kms::decodeApproval(bytes));
  const std::int64_t key = std::stoll(example["key"]);
  EXPECT_EQ(key >> 20U, row.asked.time_since_epoch().count());
  EXPECT_EQ(kms::approvalId(key), example["name"]);
}

}  // namespace
}  // namespace tests
