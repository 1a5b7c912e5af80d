// Slips and damage on the way of users to another server: a clear line, an exit code, and nothing lost.
#include "tests/integration/backup/user_move_hosts.h"

namespace tests {
namespace {

class UserMoveMistakes : public UserMove {
 protected:
  void expectRefused(const Ran& ran, int code, const std::string& what) const {
    EXPECT_EQ(ran.exit, code) << ran.out << ran.err;
    EXPECT_TRUE(says(ran.err, what));
  }
  Ran exportTo(const std::string& certificate, const std::string& out = "none.kdu") const {
    const Ran print = run({"openssl", "x509", "-in", file(certificate), "-noout", "-fingerprint", "-sha256"});
    return from_.ctl({"user", "export", "alice", "--to", file(certificate), "--out", file(out),
                      "--thumbprint", print.out.substr(print.out.find('=') + 1, 95)});
  }
  void makeCertificate(const std::string& name, const Words& kind, const Words& more) const {
    Words make = {"openssl", "req",  "-x509",    "-newkey", "-nodes",           "-subj",
                  "/CN=to",  "-out", file(name), "-keyout", file(name + ".key")};
    make.insert(make.begin() + 4, kind.begin(), kind.end());
    make.insert(make.end(), more.begin(), more.end());
    ASSERT_ENDS(run(make), 0);
  }
  bool none(const std::string& name) const { return !std::filesystem::exists(file(name)); }
};

TEST_F(UserMoveMistakes, ThumbprintsThatNobodyComparedOrOthers) {
  const Words sealing = {"user", "export", "alice", "--to", file("to.pem"), "--out", file("x")};
  expectRefused(from_.ctl(sealing), 2, recipient_);
  Words other = sealing;
  other.insert(other.end(), {"--thumbprint", source_});
  expectRefused(from_.ctl(other), 2, "not the one of --thumbprint");
  ASSERT_ENDS(exported({"alice"}), 0);
  expectRefused(to_.ctl({"user", "import", file("users.kdu"), "--receipt", file("r")}), 2, source_);
  expectRefused(
      to_.ctl({"user", "import", file("users.kdu"), "--receipt", file("r"), "--thumbprint", recipient_}), 2,
      "not the one of --thumbprint");
  EXPECT_TRUE(none("x") && none("r"));
  EXPECT_EQ(to_.ctl({"user", "show", "alice"}).exit, 1);
}

TEST_F(UserMoveMistakes, CertificatesThatAreNotForThis) {
  const Words ec = {"ec", "-pkeyopt", "ec_paramgen_curve:P-256"};
  const Words plain = {"-addext", "basicConstraints=critical,CA:FALSE"};
  makeCertificate("authority", ec, {"-days", "9"});
  expectRefused(exportTo("authority"), 1, "is an authority's");
  makeCertificate("signing", ec, {"-days", "9", "-addext", "keyUsage=digitalSignature", plain[0], plain[1]});
  expectRefused(exportTo("signing"), 1, "not for encryption");
  makeCertificate("ed25519", {"ed25519"}, {"-days", "9", plain[0], plain[1]});
  expectRefused(exportTo("ed25519"), 1, "cannot encrypt");
  write("text", "this is no certificate\n");
  expectRefused(from_.ctl({"user", "export", "alice", "--to", file("text"), "--out", file("none.kdu")}), 2,
                "no PEM block CERTIFICATE");
  write("two", slurp(file("to.pem")) + slurp(file("to.pem")));
  expectRefused(from_.ctl({"user", "export", "alice", "--to", file("two"), "--out", file("none.kdu")}), 2,
                "several certificates");
  EXPECT_TRUE(none("none.kdu"));
}

TEST_F(UserMoveMistakes, FilesAndWords) {
  write("there", "mine\n");
  expectRefused(exported({"alice"}, "there"), 9, "is there already");
  EXPECT_EQ(slurp(file("there")), "mine\n");
  EXPECT_NE(exported({"alice"}, "no/such/directory").exit, 0);
  expectRefused(from_.ctl({"user", "export", "--to", file("to.pem"), "--out", file("x")}), 2, "name users");
  expectRefused(from_.ctl({"user", "export", "alice"}), 2, "give --to");
  expectRefused(from_.ctl({"user", "export", "alice", "--confirm", file("there")}), 2, "--confirm takes");
  expectRefused(from_.ctl({"user", "export", "--confirm", file("there")}), 2, "no file of users");
  expectRefused(to_.ctl({"user", "import", file("there"), "--receipt", file("r")}), 2, "no file of users");
  write("list", "kms_000000000000000000000000000000000000000000000000000000\n");
  const Ran token = from_.ctl({"user", "export", "--users-file", file("list"), "--to", file("to.pem"),
                               "--thumbprint", recipient_, "--out", file("x")});
  expectRefused(token, 1, "line 1");
  EXPECT_EQ(token.err.find("kms_0"), std::string::npos);
  ASSERT_ENDS(exported({"alice"}), 0);
  ASSERT_ENDS(imported(to_, "users.kdu", "users.receipt"), 0);
  expectRefused(imported(to_, "users.receipt", "r"), 2, "holds receipts");
  expectRefused(from_.ctl({"user", "export", "--confirm", file("users.kdu")}), 2, "holds users");
  EXPECT_TRUE(none("x") && none("r"));
}

TEST_F(UserMoveMistakes, DamageAndOthersFiles) {
  const Ran some = exported({"alice", "nobody", "alice"});
  expectRefused(some, 1, "nobody: there is no user nobody");
  EXPECT_TRUE(says(some.err, "1 sealed, 1 failed, 1 skipped"));
  const std::string whole = slurp(file("users.kdu"));
  for (const std::size_t part : {1U, 2U, 3U, 99U}) {
    write("cut.kdu", whole.substr(0, part == 99 ? whole.size() - 20 : whole.size() * part / 4));
    expectRefused(imported(to_, "cut.kdu", "r"), 2, "cut or altered");
  }
  std::string altered = whole;
  std::size_t middle = whole.size() / 2;
  if (whole[middle] == '\n') ++middle;  // which would be no base64 any more
  altered[middle] = altered[middle] == 'A' ? 'B' : 'A';
  write("altered.kdu", altered);
  expectRefused(imported(to_, "altered.kdu", "r"), 1, "package 1: the user's package is altered");
  expectRefused(imported(from_, "users.kdu", "r"), 1, "sealed for another server");
  EXPECT_EQ(to_.ctl({"user", "show", "alice"}).exit, 1);
  EXPECT_TRUE(none("r"));
  ASSERT_ENDS(imported(to_, "users.kdu", "users.receipt"), 0);
  expectRefused(to_.ctl({"user", "export", "--confirm", file("users.receipt")}), 1, "alice: this receipt");
  std::string receipt = slurp(file("users.receipt"));
  const std::size_t at = receipt.size() - 50;
  receipt[at] = receipt[at] == 'A' ? 'B' : 'A';
  write("altered.receipt", receipt);
  EXPECT_EQ(from_.ctl({"user", "export", "--confirm", file("altered.receipt")}).exit, 1);
  ASSERT_ENDS(from_.ctl({"user", "export", "--confirm", file("users.receipt")}), 0);
}

// One name is taken at the new server; the others move, and his keys are still there.
TEST_F(UserMoveMistakes, ANameThatIsTakenHoldsNobodyElseUp) {
  to_.ctlJson({"user", "add", "alice", "--mail", "another@example.org"});
  ASSERT_ENDS(exported({"alice", "bob"}), 0);
  const Ran taken = to_.ctl({"--json", "user", "import", file("users.kdu"), "--thumbprint", source_,
                             "--receipt", file("users.receipt"), "--report", file("report")});
  expectRefused(taken, 1, "there is a user alice already");
  const auto items = boost::json::parse(taken.out).as_object().at("items").as_array();
  ASSERT_EQ(items.size(), 2U);
  EXPECT_EQ(items[0].as_object().at("code").as_string(), "conflict");
  EXPECT_EQ(items[1].as_object().at("user").as_string(), "bob");
  EXPECT_TRUE(says(slurp(file("report")), "failed\tpackage 1\tconflict\t"));
  EXPECT_TRUE(says(slurp(file("report")), "ok\tbob\t0\n"));
  const Ran ended = from_.ctl({"user", "export", "--confirm", file("users.receipt")});
  ASSERT_ENDS(ended, 0);
  EXPECT_EQ(ended.out.find("alice"), std::string::npos);
  write("letter", "for alice\n");
  ASSERT_ENDS(run({"openssl", "cms", "-encrypt", "-aes256", "-in", file("letter"), "-out", file("sealed"),
                   file("old/encryption-cert.pem")}),
              0);
  enrol(from_, "alice", "back", "recover");
  EXPECT_EQ(readers("sealed", "back"), 1U);
}

TEST_F(UserMoveMistakes, WhoMayNotAndServersThatAreClosed) {
  const auto made = from_.ctlJson({"token", "issue", "--user", "alice", "--scope", "kms:issuer"}).as_object();
  write("token", std::string(made.at("token").as_string()));
  const Words sealing = {"user",  "export",  "bob",          "--to",    file("to.pem"),
                         "--out", file("x"), "--thumbprint", recipient_};
  Words issuer = {"--token-file", file("token")};
  issuer.insert(issuer.end(), sealing.begin(), sealing.end());
  EXPECT_EQ(from_.ctl(issuer).exit, 1);
  EXPECT_TRUE(none("x"));
  ASSERT_ENDS(exported({"alice", "bob"}), 0);
  ASSERT_ENDS(from_.ctl({"seal"}), 0);
  ASSERT_ENDS(to_.ctl({"seal"}), 0);
  EXPECT_EQ(from_.ctl(sealing).exit, 3);
  EXPECT_EQ(imported(to_, "users.kdu", "r").exit, 3);
  EXPECT_TRUE(none("x") && none("r"));
  ASSERT_EQ(to_.stop(), 0);
  EXPECT_EQ(imported(to_, "users.kdu", "r").exit, 7);
}

}  // namespace
}  // namespace tests
