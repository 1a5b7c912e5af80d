// What may have happened by the time a receipt comes back: the user got more, somebody was faster, a disk was
// full, a server sealed.
#include "kms/pki/base64.h"
#include "kms/pki/user_package.h"
#include "tests/integration/backup/user_move_hosts.h"

namespace tests {
namespace {

class UserMoveLater : public UserMove {
 protected:
  Ran confirmed(const std::string& receipts = "users.receipt") const {
    return from_.ctl({"user", "export", "--confirm", file(receipts)});
  }
  // What kmsctl says where no file takes a byte.
  Ran onFullDisk(const Server& host, const Words& words) const {
    std::string script = "trap '' XFSZ; ulimit -f 0; exec " + host.program("kmsctl") +
                         " --server unix:" + host.socket().string();
    for (const std::string& word : words) script += " '" + word + "'";
    return run({"bash", "-c", script});
  }
  std::size_t activeOf(const std::string& user) const {
    std::size_t count = 0;
    const auto list = from_.ctlJson({"cert", "list", "--user", user}).as_object();
    for (const auto& one : list.at("items").as_array())
      if (one.as_object().at("status").as_string() == "active") ++count;
    return count;
  }
};

TEST_F(UserMoveLater, WhoGotACertificateSinceStaysAndTheOthersMove) {
  ASSERT_ENDS(exported({"alice", "bob"}), 0);
  ASSERT_ENDS(imported(to_, "users.kdu", "users.receipt"), 0);
  enrol(from_, "alice", "newer");
  const Ran some = confirmed();
  EXPECT_EQ(some.exit, 1);
  EXPECT_TRUE(says(some.err, "alice has got 2 certificates since the export"));
  EXPECT_TRUE(says(some.out, "moved bob"));
  EXPECT_EQ(activeOf("alice"), 4U);
  ASSERT_ENDS(exported({"alice"}, "again.kdu"), 0);
  ASSERT_ENDS(imported(to_, "again.kdu", "again.receipt"), 0);
  const Ran ended = confirmed("again.receipt");
  ASSERT_ENDS(ended, 0);
  EXPECT_TRUE(says(ended.out, "moved alice: 4 certificates and all tokens revoked here"));
  EXPECT_EQ(activeOf("alice"), 0U);
  const Ran twice = confirmed("again.receipt");
  ASSERT_ENDS(twice, 0);
  EXPECT_TRUE(says(twice.out, "moved alice: 0 certificates"));
  EXPECT_EQ(confirmed().exit, 1) << "the receipt of the first export fits no more";
  ASSERT_ENDS(from_.ctl({"audit", "verify", "--store"}), 0);
}

TEST_F(UserMoveLater, TwoConfirmAtOnce) {
  ASSERT_ENDS(exported({"alice", "bob"}), 0);
  ASSERT_ENDS(imported(to_, "users.kdu", "users.receipt"), 0);
  const std::string command = from_.program("kmsctl") + " --server unix:" + from_.socket().string() +
                              " user export --confirm " + file("users.receipt");
  ASSERT_ENDS(run({"bash", "-c", command + " >" + file("one") + " & " + command + " && wait $!"}), 0);
  EXPECT_TRUE(says(slurp(file("one")), "moved alice"));
  EXPECT_EQ(activeOf("alice"), 0U);
  ASSERT_ENDS(from_.ctl({"audit", "verify", "--store"}), 0);
}

TEST_F(UserMoveLater, AFullDiskLosesNobody) {
  const Ran sealing = onFullDisk(from_, {"user", "export", "alice", "--to", file("to.pem"), "--thumbprint",
                                         recipient_, "--out", file("users.kdu")});
  EXPECT_EQ(sealing.exit, 8) << sealing.err;
  EXPECT_FALSE(std::filesystem::exists(file("users.kdu")));
  ASSERT_ENDS(exported({"alice"}), 0);
  const Ran taking = onFullDisk(to_, {"user", "import", file("users.kdu"), "--thumbprint", source_,
                                      "--receipt", file("users.receipt")});
  EXPECT_EQ(taking.exit, 8) << taking.err;
  EXPECT_FALSE(std::filesystem::exists(file("users.receipt")));
  const Ran again = imported(to_, "users.kdu", "users.receipt");
  ASSERT_ENDS(again, 0);
  EXPECT_TRUE(says(again.out, "there already: alice"));
  ASSERT_ENDS(confirmed(), 0);
}

TEST_F(UserMoveLater, ASealedServerEndsNobody) {
  ASSERT_ENDS(exported({"alice"}), 0);
  ASSERT_ENDS(imported(to_, "users.kdu", "users.receipt"), 0);
  ASSERT_ENDS(from_.ctl({"seal"}), 0);
  EXPECT_EQ(confirmed().exit, 3);
  ASSERT_ENDS(from_.ctl({"unseal"}), 0);
  EXPECT_EQ(activeOf("alice"), 2U);
  ASSERT_ENDS(confirmed(), 0);
  EXPECT_EQ(activeOf("alice"), 0U);
}

// Whoever made it up gets nothing onto the terminal with it.
TEST_F(UserMoveLater, AReceiptThatWasMadeUp) {
  kms::pki::MoveReceipt receipt;
  receipt.name = "al\x1b[31mice\xff";
  const std::string text =
      "keydisk receipts: 1\n" + kms::pki::pem("KEYDISK RECEIPT", kms::pki::encodeReceipt(receipt));
  write("made.receipt", text);
  const Ran refused = from_.ctl({"--json", "user", "export", "--confirm", file("made.receipt")});
  EXPECT_EQ(refused.exit, 1);
  EXPECT_TRUE(says(refused.err, "receipt 1: this is no receipt"));
  EXPECT_EQ((refused.out + refused.err).find('\x1b'), std::string::npos);
  EXPECT_EQ(boost::json::parse(refused.out).at("items").at(0).at("user").as_string(), "receipt 1");
}

}  // namespace
}  // namespace tests
