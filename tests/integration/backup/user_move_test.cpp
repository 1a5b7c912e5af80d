// Users move between two servers that know nothing of each other, with the real programs.
#include "tests/integration/backup/hosts.h"

namespace tests {
namespace {

using Words = std::vector<std::string>;

class UserMove : public ::testing::Test {
 protected:
  void SetUp() override {
    for (Server* one : {&from_, &to_}) {
      one->setUp();
      one->insert("key.img");
      one->start();
      one->expectState("unsealed", "");
    }
    from_.ctlJson({"user", "add", "alice", "--mail", "alice@example.org", "--role", "issuer"});
    from_.ctlJson({"user", "add", "bob"});
    enrol(from_, "alice", "old");
    const auto given = to_.ctlJson({"user", "import", "--recipient"}).as_object();
    recipient_ = std::string(given.at("sha256").as_string());
    write("to.pem", std::string(given.at("certificate").as_string()));
    source_ = std::string(from_.ctlJson({"ca", "show"}).as_object().at("sha256").as_string());
  }
  std::string file(const std::string& name) const { return (scratch_ / name).string(); }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(file(name), std::ios::binary) << text;
  }
  // Into the directory `name`, with encryption keys; verb and kind of token are "enrol" or "recover".
  void enrol(const Server& host, const std::string& user, const std::string& name,
             const std::string& verb = "enrol") {
    const auto made = host.ctlJson({"token", "issue", "--user", user, "--kind", verb}).as_object();
    write(name + ".token", std::string(made.at("token").as_string()));
    write("password", "correct horse\n");
    ASSERT_ENDS(host.ctl({verb, "--user", user, "--token-file", file(name + ".token"), "--out", file(name),
                          "--password-file", file("password")}),
                0);
  }
  // With which of the keys in the directory `name` the letter is read.
  unsigned readers(const std::string& letter, const std::string& name) const {
    unsigned count = 0;
    for (const auto& one : std::filesystem::recursive_directory_iterator(file(name))) {
      const std::string path = one.path().string();
      if (!path.ends_with("encryption-key.pem")) continue;
      const Ran ran = run({"openssl", "cms", "-decrypt", "-in", file(letter), "-inkey", path});
      if (ran.exit == 0 && ran.out.starts_with("for alice")) ++count;
    }
    return count;
  }
  Ran exported(Words users, const std::string& out = "users.kdu") const {
    users.insert(users.begin(),
                 {"user", "export", "--to", file("to.pem"), "--thumbprint", recipient_, "--out", file(out)});
    return from_.ctl(users);
  }
  Ran imported(const Server& host, const std::string& name, const std::string& receipt) const {
    return host.ctl({"user", "import", file(name), "--thumbprint", source_, "--receipt", file(receipt)});
  }

  Scratch scratch_;
  Server from_;
  Server to_;
  std::string recipient_;
  std::string source_;
};

TEST_F(UserMove, ExportImportConfirm) {
  write("letter", "for alice\n");
  ASSERT_ENDS(run({"openssl", "cms", "-encrypt", "-aes256", "-in", file("letter"), "-out", file("sealed"),
                   file("old/encryption-cert.pem")}),
              0);
  ASSERT_ENDS(exported({"alice", "bob"}), 0);
  EXPECT_EQ(slurp(file("users.kdu")).find("PRIVATE"), std::string::npos);
  const Ran taken = imported(to_, "users.kdu", "users.receipt");
  ASSERT_ENDS(taken, 0);
  EXPECT_TRUE(says(taken.out, "imported alice (user)"));
  EXPECT_TRUE(says(taken.out, "imported bob (user): 0 certificates"));
  ASSERT_ENDS(imported(to_, "users.kdu", "users.receipt"), 9);  // the receipts are there
  const Ran ended = from_.ctl({"user", "export", "--confirm", file("users.receipt")});
  ASSERT_ENDS(ended, 0);
  EXPECT_TRUE(says(ended.out, "moved alice: 2 certificates revoked here"));
  enrol(to_, "alice", "new", "recover");
  EXPECT_EQ(readers("sealed", "new"), 1U);
  for (const Server* host : {&from_, &to_}) ASSERT_ENDS(host->ctl({"audit", "verify", "--store"}), 0);
}

TEST_F(UserMove, WhatIsWrongIsRefusedUserByUser) {
  EXPECT_EQ(from_.ctl({"user", "export", "alice", "--to", file("to.pem"), "--out", file("x")}).exit, 2)
      << "nobody has compared the thumbprint";
  EXPECT_EQ(from_
                .ctl({"user", "export", "alice", "--to", file("to.pem"), "--out", file("x"), "--thumbprint",
                      source_})
                .exit,
            2);
  const Ran some = exported({"alice", "nobody"});
  EXPECT_EQ(some.exit, 1) << some.err;
  const std::string whole = slurp(file("users.kdu"));
  write("cut.kdu", whole.substr(0, whole.size() - 20));
  EXPECT_NE(imported(to_, "cut.kdu", "r1").exit, 0);
  std::string altered = whole;
  altered[whole.size() / 2] = altered[whole.size() / 2] == 'A' ? 'B' : 'A';
  write("altered.kdu", altered);
  EXPECT_NE(imported(to_, "altered.kdu", "r2").exit, 0);
  EXPECT_EQ(to_.ctl({"user", "show", "alice"}).exit, 1);
  EXPECT_NE(imported(from_, "users.kdu", "r3").exit, 0) << "not for itself";
  ASSERT_ENDS(imported(to_, "users.kdu", "users.receipt"), 0);
  ASSERT_ENDS(imported(to_, "users.kdu", "again.receipt"), 0);
  EXPECT_EQ(slurp(file("again.receipt")), slurp(file("users.receipt")));
  EXPECT_EQ(to_.ctl({"user", "export", "--confirm", file("users.receipt")}).exit, 1) << "not its export";
}

}  // namespace
}  // namespace tests
