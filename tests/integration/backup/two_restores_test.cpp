// Two servers that go on from one backup seal nothing under the same key and nonce.
#include <map>
#include <utility>

#include "tests/integration/backup/database.h"
#include "tests/integration/backup/hosts.h"

namespace tests {
namespace {

class TwoRestores : public Hosts {
 protected:
  // What a row's key comes from, and its nonce; and what was sealed with them.
  using Sealed = std::map<std::pair<std::string, std::int64_t>, std::string>;

  static std::string text(sqlite3_stmt* row, int column) {
    const void* data = sqlite3_column_blob(row, column);
    return data == nullptr ? std::string()
                           : std::string(static_cast<const char*>(data),
                                         static_cast<std::size_t>(sqlite3_column_bytes(row, column)));
  }
  static std::filesystem::path database(const Server& host) { return host.data() / "security/kms.db"; }

  static Sealed sealedBy(const Server& host) {
    Sealed all;
    for (const std::string table : {"keyring", "users", "tokens", "authorities", "certificates", "archive",
                                    "approvals", "revocations"}) {
      eachRow(database(host),
              "SELECT e.salt, r.counter, r.sealed FROM " + table + " r JOIN epochs e ON e.id=r.epoch",
              [&](sqlite3_stmt* row) {
                const auto fresh =
                    all.emplace(std::pair(text(row, 0), sqlite3_column_int64(row, 1)), text(row, 2));
                EXPECT_TRUE(fresh.second) << "one server sealed twice with one key and nonce, in " << table;
              });
    }
    return all;
  }
  static std::int64_t number(const Server& host, const std::string& name) {
    std::int64_t value = 0;
    eachRow(database(host), "SELECT value FROM numbers WHERE name='" + name + "'",
            [&](sqlite3_stmt* row) { value = sqlite3_column_int64(row, 0); });
    return value;
  }
  // Runs it twice, with everything in between that seals rows.
  void work(Server& host) {
    for (int round = 0; round < 2; ++round) {
      host.start({"--accept-older"});
      host.expectState("unsealed", "");
      for (int i = 0; i < 5; ++i) {
        const std::string user = "user" + std::to_string(round * 5 + i);
        ASSERT_ENDS(host.ctl({"user", "add", user}), 0);
        for (const char* kind : {"access", "access", "enrol"}) token(host, user, kind);
      }
      ASSERT_ENDS(host.ctl({"token", "revoke", "--user", "user0"}), 0);
      ASSERT_ENDS(host.ctl({"user", "set", "alice", "--mail", "a" + std::to_string(round) + "@example.org"}),
                  0);
      ASSERT_EQ(host.stop(), 0);
    }
  }
};

TEST_F(TwoRestores, OfOneBackupNeverUseAKeyAndNonceTwice) {
  open(old_);
  ASSERT_ENDS(old_.ctl({"user", "add", "alice"}), 0);
  const std::string pending = token(old_, "alice", "enrol");
  for (int i = 0; i < 5; ++i) token(old_, "alice", "access");
  ASSERT_ENDS(old_.ctl({"backup", backup()}), 0);
  ASSERT_EQ(old_.stop(), 0);
  const std::int64_t tokens = number(old_, "token_sequence_reserved");
  const Sealed before = sealedBy(old_);

  ASSERT_ENDS(old_.kmsd({"restore", backup(), "--data-dir", old_.data(), "--replace"}), 0);
  prepare(new_);
  ASSERT_ENDS(new_.kmsd({"restore", backup(), "--data-dir", new_.data()}), 0);
  carry("key.img");
  new_.insert("key.img");
  work(old_);
  work(new_);

  const Sealed one = sealedBy(old_);
  const Sealed other = sealedBy(new_);
  std::size_t fresh = 0;
  for (const auto& [use, sealed] : one) {
    if (!before.contains(use)) ++fresh;
    // What both have from the backup they have alike; everything else was sealed in an epoch of its own.
    if (const auto same = other.find(use); same != other.end()) {
      EXPECT_EQ(same->second, sealed);
    }
    if (const auto same = before.find(use); same != before.end()) {
      EXPECT_EQ(same->second, sealed);
    }
  }
  EXPECT_GE(fresh, 40U);
  for (const Server* host : {&old_, &new_}) {
    EXPECT_GE(number(*host, "token_sequence_reserved"), tokens + (std::int64_t{1} << 40U));
    EXPECT_GE(number(*host, "certificate_sequence_reserved"), std::int64_t{1} << 32U);
    EXPECT_TRUE(says(slurp(host->data() / "security/audit/000001.jsonl"), "restore_accepted"));
  }
  new_.start();
  new_.expectState("unsealed", "");
  EXPECT_EQ(new_.ctl({"token", "verify", "--user", "alice", "-"}, pending).exit, 1);  // void
  EXPECT_EQ(new_.ctl({"audit", "verify", "--store"}).exit, 0);
}

}  // namespace
}  // namespace tests
