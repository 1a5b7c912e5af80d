// Two servers that know nothing of each other, users, and the files that carry them, with the real programs.
#pragma once

#include "tests/integration/backup/hosts.h"

namespace tests {

using Words = std::vector<std::string>;

// Two servers that know nothing of each other, and what is carried between them.
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

}  // namespace tests
