#include "kms/tokens/user_row.h"
#include "tests/unit/tokens/fixture.h"

namespace tests {
namespace {

using base::Code;
using base::Reason;
using kms::Role;
using kms::UserChange;

class Users : public TokenTest {};

TEST_F(Users, AddShowChange) {
  UserChange fields;
  fields.mail = "alice@example.org";
  fields.dns = std::vector<std::string>{"a.example.org"};
  fields.commonName = "Alice";
  fields.role = Role::Verifier;
  fields.uid = 1000;
  auto added = addUser("alice", fields);
  ASSERT_OK(added);
  auto shown = users->show("alice");
  ASSERT_OK(shown);
  EXPECT_EQ(shown->mail, "alice@example.org");
  EXPECT_EQ(shown->dns, fields.dns);
  EXPECT_EQ(shown->commonName, "Alice");
  EXPECT_EQ(shown->role, Role::Verifier);
  EXPECT_EQ(shown->uid, 1000U);
  EXPECT_EQ(shown->createdAt, clock.now());
  EXPECT_FALSE(shown->pending);

  ASSERT_OK(changeUser(admin, "alice", {.mail = "", .role = Role::User, .clearUid = true}));
  restart();
  shown = users->show("alice");
  ASSERT_OK(shown);
  EXPECT_EQ(shown->mail, "");
  EXPECT_EQ(shown->commonName, "Alice");
  EXPECT_EQ(shown->role, Role::User);
  EXPECT_FALSE(shown->uid);
  EXPECT_EQ(recorded(kms::Event::UserAdded), 1U);
  EXPECT_EQ(recorded(kms::Event::UserChanged), 1U);
}

TEST_F(Users, StrangeNamesWork) {
  for (const std::string& name :
       {std::string("Doe, Jane"), std::string("\"quoted\" 'x'"), std::string("J\xC3\xBCrgen"),
        std::string(255, 'n'), std::string("a'; DROP TABLE users;--")}) {
    ASSERT_OK(addUser(name));
    auto shown = users->show(name);
    ASSERT_OK(shown);
    EXPECT_EQ(shown->name, name);
    ASSERT_OK(issue({.user = name}));
  }
  for (const std::string& name :
       {std::string(), std::string(300, 'n'), std::string("a\0b", 3), std::string("a\r")})
    EXPECT_CODE(addUser(name), Code::Invalid);
  EXPECT_CODE(users->show("jane"), Code::NotFound);
  EXPECT_CODE(users->show(std::string("a\0b", 3)), Code::NotFound);
}

TEST_F(Users, NamesAndUidsAreUnique) {
  ASSERT_OK(addUser("alice", {.uid = 5}));
  EXPECT_CODE(addUser("alice"), Code::Conflict);
  EXPECT_CODE(addUser("bob", {.uid = 5}), Code::Conflict);
  EXPECT_CODE(users->show("bob"), Code::NotFound);  // undone as a whole
  ASSERT_OK(addUser("bob", {.uid = 0}));
  EXPECT_CODE(changeUser(admin, "bob", {.uid = 5}), Code::Conflict);
  ASSERT_OK(changeUser(admin, "alice", {.uid = 6}));
  ASSERT_OK(changeUser(admin, "bob", {.uid = 5}));
  EXPECT_EQ(users->actorForUid(5)->name, "user bob");
  EXPECT_EQ(users->actorForUid(6)->name, "user alice");
  EXPECT_FALSE(users->actorForUid(0));
  EXPECT_CODE(changeUser(admin, "bob", {.uid = 7, .clearUid = true}), Code::Invalid);
  ASSERT_OK(changeUser(admin, "bob", {.uid = 5}));  // the same again
}

TEST_F(Users, OnlyAdminsSetRolesAndUids) {
  ASSERT_OK(addUserAs(issuer, "u"));
  ASSERT_OK(addUserAs(issuer, "v", {.role = Role::User}));
  EXPECT_REASON(addUserAs(issuer, "w", {.role = Role::Verifier}), Reason::Forbidden);
  EXPECT_REASON(addUserAs(issuer, "w", {.uid = 1}), Reason::Forbidden);
  EXPECT_REASON(addUserAs(nobody, "w"), Reason::Forbidden);
  EXPECT_REASON(changeUser(issuer, "u", {.role = Role::Issuer}), Reason::Forbidden);
  EXPECT_REASON(changeUser(issuer, "u", {.uid = 1}), Reason::Forbidden);
  EXPECT_REASON(changeUser(nobody, "u", {.mail = "a@b"}), Reason::Forbidden);
  ASSERT_OK(changeUser(issuer, "u", {.mail = "a@b"}));
  ASSERT_OK(addUser("boss", {.role = Role::Admin}));
  EXPECT_REASON(changeUser(issuer, "boss", {.mail = "a@b"}), Reason::Forbidden);
  EXPECT_CODE(changeUser(admin, "nobody", {.mail = "a@b"}), Code::NotFound);
  EXPECT_CODE(addUser("n", {.role = Role::None}), Code::Invalid);
  EXPECT_CODE(addUser("n", {.role = static_cast<Role>(9)}), Code::Invalid);
  EXPECT_CODE(addUser("n", {.mail = "nonsense"}), Code::Invalid);
  EXPECT_CODE(addUser("n", {.dns = std::vector<std::string>{"*.example.org"}}), Code::Invalid);
  EXPECT_CODE(addUser("n", {.commonName = std::string(65, 'c')}), Code::Invalid);
}

TEST_F(Users, ListsInPages) {
  for (int i = 0; i < 25; ++i) ASSERT_OK(addUser("user" + std::to_string(i)));
  std::string after;
  std::vector<std::string> seen;
  for (int pages = 0; pages < 3; ++pages) {
    auto page = users->list(after, 10);
    ASSERT_OK(page);
    for (const auto& user : page->items) seen.push_back(user.name);
    EXPECT_EQ(page->next.has_value(), pages < 2);
    after = page->next.value_or("");
  }
  ASSERT_EQ(seen.size(), 25U);
  EXPECT_EQ(seen.front(), "user0");
  EXPECT_EQ(seen.back(), "user24");
  EXPECT_CODE(users->list("", policy.pageMost + 1), Code::Invalid);
  for (const char* bad : {"x", "1x", "-1", " 1", "99999999999999999999"})
    EXPECT_CODE(users->list(bad, 10), Code::Invalid);
  ASSERT_OK(users->list("", 0));
}

TEST_F(Users, TellWhetherAOneTimeTokenWaits) {
  ASSERT_OK(addUser("alice"));
  auto token = issue({.user = "alice", .kind = kms::TokenKind::Enrol, .ttl = std::chrono::seconds(100)});
  ASSERT_OK(token);
  EXPECT_TRUE(users->show("alice")->pending);
  clock.advance(std::chrono::seconds(100));
  EXPECT_FALSE(users->show("alice")->pending);
  token = issue({.user = "alice", .kind = kms::TokenKind::Enrol});
  ASSERT_OK(token);
  EXPECT_TRUE(users->show("alice")->pending);
  ASSERT_OK(redeem("alice", kms::TokenKind::Enrol, base::view(token->token)));
  EXPECT_FALSE(users->show("alice")->pending);
  ASSERT_OK(issue({.user = "alice", .kind = kms::TokenKind::Enrol}));
  ASSERT_OK(revokeUser(admin, "alice"));
  EXPECT_FALSE(users->list("", 1)->items.at(0).pending);
}

TEST_F(Users, SealedMeansNothingIsTold) {
  ASSERT_OK(addUser("alice", {.uid = 5}));
  vault->seal();
  EXPECT_REASON(users->show("alice"), Reason::Sealed);
  EXPECT_REASON(users->list("", 10), Reason::Sealed);
  EXPECT_REASON(addUser("bob"), Reason::Sealed);
  EXPECT_REASON(changeUser(admin, "alice", {.mail = "a@b"}), Reason::Sealed);
  EXPECT_FALSE(users->actorForUid(5));
  unseal();
  EXPECT_TRUE(users->actorForUid(5));
}

TEST_F(Users, AnIndexThatLeadsElsewhereIsCorruptNotAbsent) {
  ASSERT_OK(addUser("alice", {.uid = 5}));
  ASSERT_OK(addUser("bob", {.uid = 6}));
  ASSERT_OK(tamper([&](kms::Txn& txn) -> base::Result<void> {
    auto keys = vault->hold();
    if (!keys) return std::move(keys).error();
    const auto mac = (*keys)->indexMac(kms::Index::UserName, base::asBytes("alice"));
    if (auto gone = txn.unbind(kms::Index::UserName, mac); !gone) return gone;
    return txn.bind(kms::Index::UserName, mac, 2);
  }));
  EXPECT_REASON(users->show("alice"), Reason::DatabaseCorrupt);
  ASSERT_OK(tamper([&](kms::Txn& txn) { return txn.erase(kms::Table::Users, 2); }));
  EXPECT_REASON(users->show("bob"), Reason::DatabaseCorrupt);
}

}  // namespace
}  // namespace tests
