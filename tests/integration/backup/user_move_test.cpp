// Users move between two servers that know nothing of each other, with the real programs.
#include <algorithm>

#include "kms/pki/base64.h"
#include "kms/pki/user_package.h"
#include "tests/integration/backup/user_move_hosts.h"
#include "tests/support/at_terminal.h"

namespace tests {
namespace {

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
  EXPECT_TRUE(says(taken.err, "user export --confirm " + file("users.receipt")));
  ASSERT_ENDS(imported(to_, "users.kdu", "users.receipt"), 9);  // the receipts are there
  const Ran ended = from_.ctl({"user", "export", "--confirm", file("users.receipt")});
  ASSERT_ENDS(ended, 0);
  EXPECT_TRUE(says(ended.out, "moved alice: 2 certificates and all tokens revoked here"));
  enrol(to_, "alice", "new", "recover");
  EXPECT_EQ(readers("sealed", "new"), 1U);
  for (const Server* host : {&from_, &to_}) ASSERT_ENDS(host->ctl({"audit", "verify", "--store"}), 0);
}

// Nobody but who has the recipient's key opens a package, and other tools do.
TEST_F(UserMove, ThePackageIsSealedToTheCertificate) {
  for (const std::string kind : {"rsa:3072", "ec"}) {
    Words make = {"openssl", "req",
                  "-x509",   "-newkey",
                  kind,      "-nodes",
                  "-days",   "30",
                  "-subj",   "/CN=to",
                  "-keyout", file("key"),
                  "-out",    file("cert"),
                  "-addext", "keyUsage=keyEncipherment,keyAgreement",
                  "-addext", "basicConstraints=critical,CA:FALSE"};
    if (kind == "ec") make.insert(make.end(), {"-pkeyopt", "ec_paramgen_curve:P-384"});
    ASSERT_ENDS(run(make), 0);
    const Ran shown = run({"openssl", "x509", "-in", file("cert"), "-noout", "-fingerprint", "-sha256"});
    const std::string print = shown.out.substr(shown.out.find('=') + 1, 95);
    const Ran sealed = from_.ctl({"user", "export", "alice", "--to", file("cert"), "--thumbprint", print,
                                  "--out", file(kind.substr(0, 2))});
    ASSERT_ENDS(sealed, 0);
    const auto blocks = kms::pki::pemBlocks(slurp(file(kind.substr(0, 2))), {"KEYDISK USER"}, 10);
    ASSERT_TRUE(blocks && blocks->size() == 1);
    const auto package = kms::pki::decodePackage(blocks->front());
    ASSERT_TRUE(package);
    write("envelope", std::string(base::asText(package->envelope)));
    const Ran opened =
        run({"openssl", "cms", "-decrypt", "-inform", "DER", "-binary", "-in", file("envelope"), "-inkey",
             file("key"), "-recip", file("cert"), "-out", file("document")});
    ASSERT_ENDS(opened, 0);
    EXPECT_EQ(slurp(file("document")).substr(0, 6), "KDMOVE");
    EXPECT_NE(slurp(file("document")).find("alice@example.org"), std::string::npos);
    EXPECT_EQ(slurp(file("envelope")).find("alice@example.org"), std::string::npos);
  }
}

TEST_F(UserMove, ThumbprintsAreAskedAtTheTerminal) {
  const Words sealing = {from_.program("kmsctl"),
                         "--server",
                         "unix:" + from_.socket().string(),
                         "user",
                         "export",
                         "alice",
                         "--to",
                         file("to.pem"),
                         "--out",
                         file("users.kdu")};
  const Ran no = runAtTerminal(sealing, "[y/N] ", "n");
  EXPECT_EQ(no.exit, 6) << no.out;
  EXPECT_TRUE(says(no.out, recipient_));
  EXPECT_FALSE(std::filesystem::exists(file("users.kdu")));
  const Ran yes = runAtTerminal(sealing, "[y/N] ", "y");
  EXPECT_EQ(yes.exit, 0) << yes.out;
  EXPECT_TRUE(says(yes.out, source_));
  const Words taking = {to_.program("kmsctl"),
                        "--server",
                        "unix:" + to_.socket().string(),
                        "user",
                        "import",
                        file("users.kdu"),
                        "--receipt",
                        file("users.receipt")};
  const Ran taken = runAtTerminal(taking, "[y/N] ", "y");
  EXPECT_EQ(taken.exit, 0) << taken.out;
  EXPECT_TRUE(says(taken.out, source_));
}

TEST_F(UserMove, AReceiptThatWasLostIsGivenAgain) {
  ASSERT_ENDS(exported({"alice", "bob"}), 0);
  ASSERT_ENDS(imported(to_, "users.kdu", "users.receipt"), 0);
  const Ran again = imported(to_, "users.kdu", "again.receipt");
  ASSERT_ENDS(again, 0);
  EXPECT_TRUE(says(again.out, "there already: bob (user): 0 certificates, 0 keys"));
  EXPECT_EQ(slurp(file("again.receipt")), slurp(file("users.receipt")));
  // Also where the file was lost, and the users are exported anew.
  ASSERT_ENDS(exported({"alice", "bob"}, "anew.kdu"), 0);
  ASSERT_ENDS(imported(to_, "anew.kdu", "anew.receipt"), 0);
  for (const char* receipt : {"users.receipt", "anew.receipt"})
    ASSERT_ENDS(from_.ctl({"user", "export", "--confirm", file(receipt)}), 0);
  for (const Server* host : {&from_, &to_}) ASSERT_ENDS(host->ctl({"audit", "verify", "--store"}), 0);
}

TEST_F(UserMove, SeveralAdministratorsAgreeToAnExport) {
  from_.ctlJson({"user", "add", "boris", "--role", "admin"});
  const auto made = from_.ctlJson({"token", "issue", "--user", "boris", "--scope", "kms:admin"}).as_object();
  write("boris", std::string(made.at("token").as_string()));
  ASSERT_EQ(from_.stop(), 0);
  from_.start({"--recovery-approvals", "2"});
  from_.expectState("unsealed", "");
  const Ran asked = exported({"alice"});
  ASSERT_ENDS(asked, 1);
  EXPECT_FALSE(std::filesystem::exists(file("users.kdu")));
  const auto requests = from_.ctlJson({"approval", "list"}).as_object().at("items").as_array();
  ASSERT_EQ(requests.size(), 1U);
  const std::string id(requests[0].as_object().at("id").as_string());
  EXPECT_TRUE(says(asked.err, id));
  const Ran shown = from_.ctl({"approval", "show", id});
  EXPECT_TRUE(says(shown.out, "user_export"));
  EXPECT_TRUE(says(shown.out, recipient_));
  ASSERT_ENDS(from_.ctl({"--token-file", file("boris"), "approval", "approve", id}), 0);
  ASSERT_ENDS(exported({"alice"}), 0);
  EXPECT_EQ(exported({"alice"}, "another.kdu").exit, 1) << "the approval is used up";
}

// Three hundred users, a signal in the middle, and again with the same report.
TEST_F(UserMove, AListGoesOnWhereItEnded) {
  Words add = {"user", "add"};
  std::string list = "# who leaves\n\n";
  for (int i = 0; i < 300; ++i) {
    add.push_back("user" + std::to_string(i));
    list += add.back() + "\n";
  }
  ASSERT_ENDS(from_.ctl(add), 0);
  write("list", list + "nobody\n");
  const auto command = [&](const std::string& out) {
    return from_.program("kmsctl") + " --server unix:" + from_.socket().string() +
           " user export --users-file " + file("list") + " --to " + file("to.pem") + " --thumbprint " +
           recipient_ + " --out " + file(out) + " --report " + file("report");
  };
  const std::string script = command("first.kdu") + " >" + file("lines") + " 2>" + file("said") +
                             " & while [ $(wc -l < " + file("lines") +
                             ") -lt 20 ]; do sleep 0.02; done; kill -TERM $!; wait $!";
  ASSERT_ENDS(run({"bash", "-c", script}), 130);
  EXPECT_TRUE(says(slurp(file("said")), "interrupted"));
  const Ran rest = run({"bash", "-c", command("rest.kdu")});
  ASSERT_ENDS(rest, 1);  // for the one who is nobody
  EXPECT_TRUE(says(rest.err, "nobody: there is no user nobody"));
  EXPECT_TRUE(says(rest.err, "skipped (done before"));
  unsigned moved = 0;
  for (const char* part : {"first", "rest"}) {
    ASSERT_ENDS(imported(to_, part + std::string(".kdu"), part + std::string(".receipt")), 0);
    const auto ended =
        from_.ctlJson({"user", "export", "--confirm", file(part + std::string(".receipt"))}).as_object();
    moved += static_cast<unsigned>(ended.at("items").as_array().size());
  }
  EXPECT_EQ(moved, 300U);
  const std::string report = slurp(file("report"));
  EXPECT_EQ(std::ranges::count(report, '\n'), 1 + 300 + 1);
  EXPECT_TRUE(says(report, "failed\tnobody\tnot_found\t"));
  EXPECT_TRUE(says(report, "ok\tuser299\t0\n"));
}

}  // namespace
}  // namespace tests
