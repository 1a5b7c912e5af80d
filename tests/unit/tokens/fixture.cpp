#include "tests/unit/tokens/fixture.h"

#include "kms/keys/founding.h"

namespace tests {

using base::Result;

void TokenTest::SetUp() {
  auto made = base::MasterKey::generate(base::systemRng());
  ASSERT_OK(made);
  key = *std::move(made);
  auto created = kms::createSqliteStore(scratch / "kms.db");
  ASSERT_OK(created);
  store = *std::move(created);
  kms::NewSlot slot;
  slot.key = &*key;
  slot.medium = base::Uuid::generate(base::systemRng());
  slot.label = "test";
  auto founded = kms::found(*store, server, {slot}, clock, base::systemRng(), kms::ScryptCost{.logN = 14});
  ASSERT_OK(founded);
  restart();
}

void TokenTest::unseal() {
  auto copy = base::MasterKey::fromBytes(key->bytes());
  ASSERT_OK(copy);
  auto opened = vault->unseal(kms::KeyOffer{*std::move(copy), std::nullopt, std::nullopt, "mock:test"});
  ASSERT_OK(opened);
}

void TokenTest::restart() {
  tokens.reset();
  users.reset();
  vault.reset();
  store.reset();
  auto opened = kms::openSqliteStore(scratch / "kms.db");
  ASSERT_OK(opened);
  store = *std::move(opened);
  vault = std::make_unique<kms::Vault>(*store, server, base::systemRng());
  users = std::make_unique<kms::UserService>(*vault, *store, clock, policy);
  tokens = std::make_unique<kms::TokenService>(*vault, *store, clock, base::systemRng(), policy);
  unseal();
}

Result<kms::User> TokenTest::addUser(const std::string& name, kms::UserChange fields) {
  return addUserAs(admin, name, std::move(fields));
}
Result<kms::User> TokenTest::addUserAs(const kms::Actor& by, const std::string& name,
                                       kms::UserChange fields) {
  return await<kms::User>([&](auto reply) { users->add(by, name, std::move(fields), reply); });
}
Result<kms::User> TokenTest::changeUser(const kms::Actor& by, const std::string& name,
                                        kms::UserChange fields) {
  return await<kms::User>([&](auto reply) { users->change(by, name, std::move(fields), reply); });
}
Result<kms::IssuedToken> TokenTest::issue(kms::IssueRequest request) {
  return issueAs(admin, std::move(request));
}
Result<kms::IssuedToken> TokenTest::issueAs(const kms::Actor& by, kms::IssueRequest request) {
  return await<kms::IssuedToken>([&](auto reply) { tokens->issue(by, std::move(request), reply); });
}
Result<kms::TokenView> TokenTest::verify(std::string_view text, const std::string& user) {
  return verifyAs(nobody, byText(text, user));
}
Result<kms::TokenView> TokenTest::verifyAs(const kms::Actor& by, kms::TokenRef token) {
  return await<kms::TokenView>([&](auto reply) { tokens->verify(by, std::move(token), reply); });
}
Result<kms::TokenView> TokenTest::redeem(const std::string& user, kms::TokenKind kind,
                                         std::string_view text) {
  return await<kms::TokenView>(
      [&](auto reply) { tokens->redeem(user, kind, base::secretText(text), reply); });
}
Result<kms::TokenView> TokenTest::renew(const kms::Actor& by, kms::TokenRef token) {
  return await<kms::TokenView>([&](auto reply) { tokens->renew(by, std::move(token), reply); });
}
Result<kms::TokenView> TokenTest::revoke(const kms::Actor& by, kms::TokenRef token) {
  return await<kms::TokenView>([&](auto reply) { tokens->revoke(by, std::move(token), reply); });
}
Result<void> TokenTest::revokeUser(const kms::Actor& by, const std::string& user) {
  return await<void>([&](auto reply) { tokens->revokeUser(by, user, reply); });
}

void TokenTest::tidyAll() {
  for (int round = 0; round < 10'000; ++round) {
    auto more = tokens->tidy();
    ASSERT_OK(more);
    if (!*more) return;
  }
  FAIL() << "tidying has no end";
}

std::string TokenTest::outboxText() {
  std::string all;
  auto done = store->read([&](kms::StoreReader& reader) -> Result<void> {
    auto rows = reader.outbox(100'000);
    if (!rows) return std::move(rows).error();
    for (const auto& row : *rows) all.append(base::asText(row.entry)).append("\n");
    return {};
  });
  EXPECT_OK(done);
  return all;
}

std::size_t TokenTest::recorded(kms::Event event) {
  const std::string text = outboxText();
  const std::string number = std::to_string(static_cast<unsigned>(event));
  std::size_t count = 0;
  for (std::size_t line = 0; line < text.size();) {
    const std::size_t end = text.find('\n', line);
    if (text.substr(line, end - line).find("\"event\":" + number) != std::string::npos) ++count;
    line = end + 1;
  }
  return count;
}

Result<void> TokenTest::tamper(kms::Store::WriteJob job) { return store->writeAndWait(std::move(job)); }

}  // namespace tests
