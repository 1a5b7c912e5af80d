// The move to another host as an administrator does it, and the traps on the way.
#include "tests/integration/backup/hosts.h"

namespace tests {
namespace {

TEST_F(Hosts, ServerMovesWithItsOriginalDisk) {
  open(old_);
  ASSERT_ENDS(old_.ctl({"user", "add", "alice"}), 0);
  const std::string access = token(old_, "alice", "access");
  token(old_, "alice", "enrol");
  const std::string server = field(old_, "server");
  ASSERT_ENDS(old_.kmsd({"backup", backup(), "--data-dir", old_.data(), "--final"}), 6);  // it runs
  ASSERT_EQ(old_.stop(), 0);

  const Ran plan = old_.kmsd({"move", "plan", "--data-dir", old_.data()});
  ASSERT_ENDS(plan, 0);
  EXPECT_TRUE(says(plan.out, server));
  EXPECT_TRUE(says(plan.out, "ORIGINAL"));
  ASSERT_ENDS(old_.kmsd({"backup", backup(), "--data-dir", old_.data(), "--final", "--medium", disk(old_)}),
              0);
  const Ran checked = old_.kmsd({"backup", "check", backup(), disk(old_, "spare.img")});
  ASSERT_ENDS(checked, 0);
  EXPECT_TRUE(says(checked.out, "final backup"));

  // A moved server stays down.
  const Ran moved = old_.kmsd({"run", "--data-dir", old_.data(), "--listen", "unix:" + old_.socket().string(),
                               "--medium", "image:" + old_.drive().string()});
  EXPECT_EQ(moved.exit, 6) << moved.err;
  EXPECT_TRUE(says(moved.err, "--unmove"));
  ASSERT_ENDS(old_.kmsd({"setup", "--remove-all", "--data-dir", old_.data()}), 0);
  EXPECT_TRUE(std::filesystem::exists(old_.data() / "security.bak"));

  prepare(new_);
  const Ran restored = new_.kmsd({"restore", backup(), "--data-dir", new_.data()});
  ASSERT_ENDS(restored, 0);
  EXPECT_TRUE(says(restored.out, "opened by any of these key media"));
  EXPECT_FALSE(says(restored.out, "--accept-older"));
  carry("key.img");
  open(new_);
  EXPECT_EQ(field(new_, "server"), server);
  EXPECT_EQ(new_.ctl({"token", "verify", "-"}, access).exit, 0);
  EXPECT_EQ(new_.ctl({"user", "show", "alice"}).exit, 0);
  EXPECT_EQ(new_.ctl({"audit", "verify", "--store"}).exit, 0);
  EXPECT_TRUE(says(slurp(new_.data() / "security/audit/000001.jsonl"), "server_restored"));
  // The pending token is as good as before.
  const auto user = new_.ctlJson({"user", "show", "alice"}).as_object();
  EXPECT_TRUE(!user.at("pending").is_null()) << boost::json::serialize(user);
}

TEST_F(Hosts, UnmoveGoesOnHere) {
  ASSERT_ENDS(old_.kmsd({"backup", backup(), "--data-dir", old_.data(), "--final", "--medium", disk(old_)}),
              0);
  old_.insert("key.img");
  old_.start({"--unmove"});
  old_.expectState("unsealed", "");
  ASSERT_EQ(old_.stop(), 0);
  old_.start();  // from now on without
  old_.expectState("unsealed", "");
}

TEST_F(Hosts, ANewDiskDoesNotOpenWhatWasRestored) {
  open(old_);
  const std::string server = field(old_, "server");
  const std::string medium = field(old_, "medium");
  ASSERT_ENDS(old_.ctl({"backup", backup()}), 0);
  ASSERT_EQ(old_.stop(), 0);

  new_.setUp();  // makes a new disk
  open(new_);
  const std::string other = field(new_, "server");
  ASSERT_ENDS(new_.kmsd({"restore", backup(), "--data-dir", new_.data(), "--replace"}), 6);
  ASSERT_EQ(new_.stop(), 0);
  ASSERT_ENDS(new_.kmsd({"restore", backup(), "--data-dir", new_.data()}), 9);
  const Ran unasked = new_.kmsd({"restore", backup(), "--data-dir", new_.data(), "--replace"});
  ASSERT_ENDS(unasked, 6);
  EXPECT_TRUE(says(unasked.err, other));
  ASSERT_ENDS(
      new_.kmsd({"restore", backup(), "--data-dir", new_.data(), "--replace", "--other-server", server}), 6);
  ASSERT_ENDS(
      new_.kmsd({"restore", backup(), "--data-dir", new_.data(), "--replace", "--other-server", other}), 0);

  new_.start();  // with the NEW disk
  new_.expectState("sealed", "foreign");
  const std::string detail = field(new_, "detail");
  for (const std::string& what : {other, server, medium, std::string("setup --abandon ") + server,
                                  std::string("all users need new tokens")})
    EXPECT_TRUE(says(detail, what));
  new_.pull("key.img");
  carry("key.img");
  new_.insert("key.img");
  new_.expectState("sealed", "backup_older");
  ASSERT_ENDS(new_.ctl({"unseal"}), 6);
  ASSERT_ENDS(new_.ctl({"unseal", "--accept-older"}), 0);
  new_.expectState("unsealed", "");
  ASSERT_EQ(new_.stop(), 0);

  ASSERT_ENDS(new_.kmsd({"setup", "--abandon", other, "--data-dir", new_.data()}), 6);
  const Ran given = new_.kmsd({"setup", "--abandon", server, "--data-dir", new_.data()});
  ASSERT_ENDS(given, 0);
  EXPECT_FALSE(std::filesystem::exists(new_.data() / "security"));
  EXPECT_TRUE(says(given.out, "security.bak-abandoned-"));
}

TEST_F(Hosts, RemoveAllNeverTakesTheNameOfAnother) {
  ASSERT_ENDS(old_.kmsd({"setup", "--remove-all", "--data-dir", old_.data()}), 0);
  std::filesystem::create_directory(old_.data() / "security.bak" / "mine");
  ASSERT_ENDS(old_.kmsd({"setup", "--data-dir", old_.data(), "--medium", disk(old_, "other.img")}), 0);
  ASSERT_ENDS(old_.kmsd({"setup", "--remove-all", "--data-dir", old_.data()}), 0);
  EXPECT_TRUE(std::filesystem::exists(old_.data() / "security.bak" / "mine"));
  EXPECT_TRUE(std::filesystem::exists(old_.data() / "security.bak.1" / "kms.db"));
}

}  // namespace
}  // namespace tests
