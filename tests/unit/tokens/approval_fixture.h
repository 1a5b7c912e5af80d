// Three administrators, two of whom must agree, and alice, whom recover tokens are asked for.
#pragma once

#include <algorithm>

#include "tests/unit/tokens/fixture.h"

namespace tests {

class Approvals : public TokenTest {
 protected:
  void SetUp() override {
    policy.recoveryApprovals = 2;
    TokenTest::SetUp();
    ASSERT_OK(addUser("alice"));
    for (const char* name : {"anna", "boris", "clara"}) addAdmin(name);
    anna = actorOf("anna");
    boris = actorOf("boris");
    clara = actorOf("clara");
  }
  void addAdmin(const std::string& name, std::optional<std::uint32_t> uid = std::nullopt) {
    kms::UserChange fields;
    fields.role = kms::Role::Admin;
    fields.uid = uid;
    ASSERT_OK(addUser(name, fields));
  }
  kms::Actor actorOf(const std::string& name) {
    const auto user = users->show(name);
    EXPECT_OK(user);
    return {"user " + name, user->role, user->id};
  }
  static kms::Actor host(std::uint32_t uid) {
    return {"uid " + std::to_string(uid), kms::Role::Admin, std::nullopt, uid};
  }
  void setRole(const std::string& name, kms::Role role) {
    kms::UserChange change;
    change.role = role;
    ASSERT_OK(changeUser(root, name, change));
  }
  void mapUid(const std::string& name, std::uint32_t uid) {
    kms::UserChange change;
    change.uid = uid;
    ASSERT_OK(changeUser(root, name, change));
  }
  base::Result<kms::IssuedToken> recover(const kms::Actor& by, const std::string& user = "alice",
                                         std::optional<std::chrono::seconds> ttl = std::nullopt) {
    return issueAs(by, {.user = user, .kind = kms::TokenKind::Recover, .ttl = ttl});
  }
  base::Result<kms::ApprovalView> approve(const kms::Actor& by, const std::string& id) {
    return await<kms::ApprovalView>([&](auto reply) { tokens->approvals().approve(by, id, reply); });
  }
  base::Result<kms::ApprovalView> cancel(const kms::Actor& by, const std::string& id) {
    return await<kms::ApprovalView>([&](auto reply) { tokens->approvals().cancel(by, id, reply); });
  }
  std::vector<kms::ApprovalView> listed() {
    const auto page = tokens->approvals().list(anna, "", 0);
    EXPECT_OK(page);
    EXPECT_FALSE(page->next);
    return page->items;
  }
  kms::ApprovalState state(const std::string& id) {
    const auto view = tokens->approvals().show(anna, id);
    EXPECT_OK(view);
    return view->state;
  }
  // Asks in vain, and gives the name of the request that it made.
  std::string asked(const kms::Actor& by, const std::string& user = "alice") {
    const auto before = listed();
    expectRefused(recover(by, user), base::Reason::ApprovalNeeded);
    const auto after = listed();
    EXPECT_EQ(after.size(), before.size() + 1);
    for (const kms::ApprovalView& one : after)
      if (std::none_of(before.begin(), before.end(),
                       [&](const kms::ApprovalView& old) { return old.id == one.id; }))
        return one.id;
    return {};
  }
  template <class T>
  static void expectRefused(const base::Result<T>& result, base::Reason wanted) {
    EXPECT_REASON(result, wanted);
  }
  std::size_t tokensThere() {
    const auto page = tokens->list("", "", 0);
    EXPECT_OK(page);
    return page->items.size();
  }

  const kms::Actor root{"uid 0", kms::Role::Admin, std::nullopt, 0};
  kms::Actor anna;
  kms::Actor boris;
  kms::Actor clara;
};

}  // namespace tests
