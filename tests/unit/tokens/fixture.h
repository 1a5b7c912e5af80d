// A whole server below the network: a real SQLite file, a real vault with a cheap scrypt, and the two
// services, with a clock that the test sets.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <string>

#include "kms/audit/audit.h"
#include "kms/keys/open_keys.h"
#include "kms/store/sqlite_store.h"
#include "kms/tokens/token_service.h"
#include "kms/tokens/user_service.h"
#include "tests/support/scratch.h"

namespace tests {

class FakeClock final : public base::Clock {
 public:
  base::Time now() const override { return base::Time(std::chrono::seconds(seconds_.load())); }
  void advance(std::chrono::seconds by) { seconds_ += by.count(); }

 private:
  std::atomic<std::int64_t> seconds_{1'800'000'000};
};

// Calls what takes a Reply and waits for the answer.
template <class T, class Call>
base::Result<T> await(Call call) {
  auto promise = std::make_shared<std::promise<base::Result<T>>>();
  auto future = promise->get_future();
  call([promise](base::Result<T> result) { promise->set_value(std::move(result)); });
  return future.get();
}

class TokenTest : public ::testing::Test {
 protected:
  void SetUp() override;

  void unseal();
  // Ends the services and the store and starts them again on the same file.
  void restart();

  base::Result<kms::User> addUser(const std::string& name, kms::UserChange fields = {});
  base::Result<kms::User> addUserAs(const kms::Actor& by, const std::string& name,
                                    kms::UserChange fields = {});
  base::Result<kms::User> changeUser(const kms::Actor& by, const std::string& name, kms::UserChange fields);
  base::Result<kms::IssuedToken> issue(kms::IssueRequest request);
  base::Result<kms::IssuedToken> issueAs(const kms::Actor& by, kms::IssueRequest request);
  base::Result<kms::TokenView> verify(std::string_view text, const std::string& user = {});
  base::Result<kms::TokenView> verifyAs(const kms::Actor& by, kms::TokenRef token);
  base::Result<kms::TokenView> redeem(const std::string& user, kms::TokenKind kind, std::string_view text);
  base::Result<kms::TokenView> renew(const kms::Actor& by, kms::TokenRef token);
  base::Result<kms::TokenView> revoke(const kms::Actor& by, kms::TokenRef token);
  base::Result<void> revokeUser(const kms::Actor& by, const std::string& user);
  void tidyAll();

  // The entries that wait in the outbox with this event in them.
  std::size_t recorded(kms::Event event);
  std::string outboxText();
  // Writes to the store behind the services' back.
  base::Result<void> tamper(kms::Store::WriteJob job);

  const kms::Actor admin{"uid 0", kms::Role::Admin, std::nullopt};
  const kms::Actor issuer{"user irene", kms::Role::Issuer, std::nullopt};
  const kms::Actor nobody{"uid 4711", kms::Role::None, std::nullopt};

  Scratch scratch;
  FakeClock clock;
  kms::Policy policy;
  base::Uuid server = base::Uuid::generate(base::systemRng());
  std::optional<base::MasterKey> key;
  std::unique_ptr<kms::Store> store;
  std::unique_ptr<kms::Vault> vault;
  std::unique_ptr<kms::UserService> users;
  std::unique_ptr<kms::TokenService> tokens;
};

template <class T>
::testing::AssertionResult succeeded(const base::Result<T>& result) {
  if (result) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << result.error().what;
}
#define ASSERT_OK(...) ASSERT_TRUE(::tests::succeeded(__VA_ARGS__))
#define EXPECT_OK(...) EXPECT_TRUE(::tests::succeeded(__VA_ARGS__))
#define EXPECT_CODE(result, wanted)                            \
  do {                                                         \
    const auto& got = (result);                                \
    ASSERT_FALSE(bool(got));                                   \
    EXPECT_EQ(got.error().code, (wanted)) << got.error().what; \
  } while (false)
#define EXPECT_REASON(result, wanted)                            \
  do {                                                           \
    const auto& got = (result);                                  \
    ASSERT_FALSE(bool(got));                                     \
    EXPECT_EQ(got.error().reason, (wanted)) << got.error().what; \
  } while (false)

inline kms::TokenRef byText(std::string_view text, const std::string& user = {}) {
  return {base::secretText(text), {}, user};
}
inline kms::TokenRef byAccessor(const std::string& accessor) { return {{}, accessor, {}}; }

}  // namespace tests
