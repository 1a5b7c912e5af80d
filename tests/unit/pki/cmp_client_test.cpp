// CMP with a client that others wrote: `openssl cmp`.
#include <gmock/gmock.h>

#include <filesystem>
#include <thread>

#include "tests/unit/pki/cmp_fixture.h"

namespace tests {
namespace {

using namespace kms::pki;
using ::testing::HasSubstr;

class CmpClient : public CmpTest {
 protected:
  Ran kur(const std::string& old, const std::string& made, std::vector<std::string> more = {}) const {
    more.insert(more.begin(),
                {"-cmd", "kur", "-cert", "@" + old + ".crt", "-key", "@" + old + ".key", "-newkey",
                 "@" + made + ".key", "-trusted", "@ca.crt", "-certout", "@" + made + ".crt"});
    return cmp(more);
  }
  Ran rr(const std::string& signer, const std::string& revoked, const std::string& reason = "4") const {
    return cmp({"-cmd", "rr", "-cert", "@" + signer + ".crt", "-key", "@" + signer + ".key", "-trusted",
                "@ca.crt", "-oldcert", "@" + revoked + ".crt", "-revreason", reason});
  }
  CertificateState stateIn(const std::string& name) const {
    const auto serial = parseCertificate(certificateIn(name + ".crt"))->ourSerial();
    const auto view = certificates->show(admin, *serial);
    EXPECT_OK(view);
    return view ? view->state : CertificateState::Revoked;
  }
  bool pending(const std::string& user) const { return certificates->sharedSecret(user)->sequence != 0; }
};

#define EXPECT_RAN(ran)                                 \
  do {                                                  \
    const auto& ended = (ran);                          \
    EXPECT_EQ(ended.exit, 0) << ended.out << ended.err; \
  } while (false)
#define EXPECT_REFUSED(ran, failure)                        \
  do {                                                      \
    const auto& ended = (ran);                              \
    EXPECT_NE(ended.exit, 0) << ended.out;                  \
    EXPECT_THAT(ended.out + ended.err, HasSubstr(failure)); \
  } while (false)

TEST_F(CmpClient, EnrolsWithNothingInstalledBefore) {
  const std::string secret = token("alice");
  newKey("alice.key");
  EXPECT_RAN(cmpAs("alice", secret,
                   {"-cmd", "ir", "-subject", "/CN=alice", "-newkey", "@alice.key", "-certout", "@alice.crt",
                    "-cacertsout", "@got.crt"}));
  EXPECT_EQ(certificateIn("got.crt"), certificateIn("ca.crt"));
  EXPECT_RAN(openssl({"verify", "-x509_strict", "-CAfile", "@got.crt", "@alice.crt"}));
  EXPECT_EQ(stateIn("alice"), CertificateState::Active);
  EXPECT_FALSE(pending("alice"));
}

TEST_F(CmpClient, TakesTheTokenWithoutDashesToo) {
  std::string secret = token("alice");
  std::erase(secret, '-');
  enrol("alice", "alice", secret);
  EXPECT_EQ(stateIn("alice"), CertificateState::Active);
}

TEST_F(CmpClient, TakesCrAndPkcs10) {
  newKey("bob.key");
  EXPECT_RAN(cmpAs("bob", token("bob"),
                   {"-cmd", "cr", "-subject", "/CN=bob", "-newkey", "@bob.key", "-certout", "@bob.crt"}));
  newKey("carol.key");
  EXPECT_RAN(openssl({"req", "-new", "-key", "@carol.key", "-subj", "/CN=carol", "-out", "@carol.csr"}));
  EXPECT_RAN(
      cmpAs("carol", token("carol"), {"-cmd", "p10cr", "-csr", "@carol.csr", "-certout", "@carol.crt"}));
  EXPECT_EQ(stateIn("bob"), CertificateState::Active);
  EXPECT_EQ(stateIn("carol"), CertificateState::Active);
}

TEST_F(CmpClient, TakesEachMacItNames) {
  const std::string secret = token("alice");
  for (const std::string digest : {"sha1", "sha256", "sha384", "sha512"})
    for (const std::string mac : {"hmac-sha1", "hmacWithSHA256", "hmacWithSHA384", "hmacWithSHA512"})
      EXPECT_RAN(
          cmpAs("alice", secret, {"-cmd", "genm", "-infotype", "caCerts", "-digest", digest, "-mac", mac}));
  EXPECT_REFUSED(cmpAs("alice", secret, {"-cmd", "genm", "-digest", "sha224", "-unprotected_errors"}),
                 "badAlg");
}

TEST_F(CmpClient, ConfirmsImplicitlyOnlyWhereAsked) {
  const std::string secret = token("alice");
  newKey("alice.key");
  EXPECT_RAN(cmpAs("alice", secret,
                   {"-cmd", "ir", "-subject", "/CN=alice", "-newkey", "@alice.key", "-certout", "@alice.crt",
                    "-implicit_confirm"}));
  EXPECT_TRUE(pending("alice"));  // the claim is open: the same key would get the same certificate
  newKey("other.key");
  EXPECT_REFUSED(cmpAs("alice", secret,
                       {"-cmd", "ir", "-subject", "/CN=alice", "-newkey", "@other.key", "-certout",
                        "@other.crt", "-unprotected_errors"}),
                 "badMessageCheck");
  EXPECT_RAN(cmpAs("alice", secret,
                   {"-cmd", "ir", "-subject", "/CN=alice", "-newkey", "@alice.key", "-certout", "@again.crt",
                    "-implicit_confirm"}));
  EXPECT_EQ(certificateIn("again.crt"), certificateIn("alice.crt"));
}

TEST_F(CmpClient, RevokesWhatTheClientRejects) {
  const std::string secret = token("alice");
  newKey("alice.key");
  EXPECT_RAN(openssl({"req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "@f.key", "-subj",
                      "/CN=Foreign", "-out", "@foreign.crt"}));
  const std::vector<std::string> ir{"-cmd",    "ir",         "-subject", "/CN=alice",
                                    "-newkey", "@alice.key", "-certout", "@alice.crt"};
  auto rejecting = ir;
  rejecting.insert(rejecting.end(), {"-out_trusted", "@foreign.crt"});
  EXPECT_NE(cmpAs("alice", secret, rejecting).exit, 0);
  ASSERT_EQ(certificatesOf("alice").size(), 1U);
  EXPECT_EQ(certificatesOf("alice").front().state, CertificateState::Revoked);
  EXPECT_TRUE(pending("alice"));
  EXPECT_RAN(cmpAs("alice", secret, ir));
  EXPECT_EQ(stateIn("alice"), CertificateState::Active);
}

TEST_F(CmpClient, ALostFileLeavesTheSameCertificateForTheSameKey) {
  const std::string secret = token("alice");
  newKey("alice.key");
  const auto ran = cmpAs("alice", secret,
                         {"-cmd", "ir", "-subject", "/CN=alice", "-newkey", "@alice.key", "-certout",
                          "@no/such/place.crt", "-implicit_confirm"});
  EXPECT_NE(ran.exit, 0);
  EXPECT_RAN(cmpAs("alice", secret,
                   {"-cmd", "ir", "-subject", "/CN=alice", "-newkey", "@alice.key", "-certout", "@alice.crt",
                    "-implicit_confirm"}));
  EXPECT_EQ(certificatesOf("alice").size(), 1U);
}

TEST_F(CmpClient, AnswersUnknownWrongAndUsedSecretsAlike) {
  const std::string secret = token("alice");
  enrol("alice", "alice", secret);
  token("bob");
  newKey("x.key");
  const auto wrong = [&](const std::string& user, const std::string& text, const std::string& out) {
    return cmpAs(user, text,
                 {"-cmd", "ir", "-subject", "/CN=" + user, "-newkey", "@x.key", "-certout", "@x.crt",
                  "-unprotected_errors", "-rspout", "@" + out});
  };
  EXPECT_REFUSED(wrong("alice", secret, "used.der"), "badMessageCheck");
  EXPECT_REFUSED(wrong("bob", secret, "wrong.der"), "badMessageCheck");
  EXPECT_REFUSED(wrong("nobody", secret, "unknown.der"), "badMessageCheck");
  const auto size = [&](const char* name) { return std::filesystem::file_size(file(name)); };
  EXPECT_NEAR(static_cast<double>(size("used.der")), static_cast<double>(size("unknown.der")), 8);
  EXPECT_NEAR(static_cast<double>(size("wrong.der")), static_cast<double>(size("unknown.der")), 8);
}

TEST_F(CmpClient, HoldsWrongSecretsBackAndForgetsWithTheRightOne) {
  const std::string secret = token("alice");
  newKey("x.key");
  for (int i = 0; i < 6; ++i)
    EXPECT_NE(cmpAs("alice", "ABCD-EFGH-JKMN", {"-cmd", "genm", "-infotype", "caCerts"}).exit, 0);
  EXPECT_GT(delayed, 0);
  enrol("alice", "alice", secret);
  EXPECT_EQ(delayed, 0);
}

TEST_F(CmpClient, RenewsWithTheOldKey) {
  enrol("alice", "alice", token("alice"));
  newKey("new.key");
  EXPECT_RAN(kur("alice", "new"));
  EXPECT_EQ(stateIn("new"), CertificateState::Active);
  EXPECT_EQ(stateIn("alice"), CertificateState::Active);
  EXPECT_EQ(certificatesOf("alice").size(), 2U);
  newKey("third.key");
  EXPECT_RAN(kur("new", "third", {"-implicit_confirm"}));
}

TEST_F(CmpClient, RenewsNoOtherCertificateThanTheSigners) {
  enrol("alice", "alice", token("alice"));
  enrol("bob", "bob", token("bob"));
  newKey("new.key");
  EXPECT_REFUSED(kur("alice", "new", {"-oldcert", "@bob.crt", "-subject", "/CN=alice"}), "badCertId");
  EXPECT_REFUSED(kur("alice", "new", {"-subject", "/CN=bob"}), "notAuthorized");
  EXPECT_EQ(certificatesOf("alice").size(), 1U);
  EXPECT_EQ(certificatesOf("bob").size(), 1U);
}

TEST_F(CmpClient, NamesOnlyWhatTheUserIs) {
  const std::string secret = token("alice");
  newKey("alice.key");
  EXPECT_REFUSED(
      cmpAs("alice", secret,
            {"-cmd", "ir", "-subject", "/CN=bob", "-newkey", "@alice.key", "-certout", "@alice.crt"}),
      "notAuthorized");
  EXPECT_REFUSED(cmpAs("alice", secret,
                       {"-cmd", "ir", "-subject", "/CN=alice", "-sans", "evil.example.org", "-newkey",
                        "@alice.key", "-certout", "@alice.crt"}),
                 "notAuthorized");
  EXPECT_TRUE(certificatesOf("alice").empty());
  EXPECT_RAN(cmpAs("alice", secret,
                   {"-cmd", "ir", "-subject", "/C=DE/CN=alice", "-days", "9", "-newkey", "@alice.key",
                    "-certout", "@alice.crt"}));
}

TEST_F(CmpClient, RevokesByTheHolderOnly) {
  enrol("alice", "alice", token("alice"));
  enrol("bob", "bob", token("bob"));
  EXPECT_REFUSED(rr("alice", "bob"), "badCertId");
  EXPECT_EQ(stateIn("bob"), CertificateState::Active);
  EXPECT_RAN(rr("alice", "alice", "1"));
  EXPECT_EQ(stateIn("alice"), CertificateState::Revoked);
  EXPECT_EQ(certificatesOf("alice").front().reason, RevocationReason::KeyCompromise);
  newKey("new.key");
  EXPECT_REFUSED(kur("alice", "new"), "signerNotTrusted");
  EXPECT_REFUSED(rr("alice", "alice"), "signerNotTrusted");
}

TEST_F(CmpClient, RevokesUnderATokenItsUsersCertificatesOnly) {
  enrol("alice", "alice", token("alice"));
  enrol("bob", "bob", token("bob"));
  const std::string secret = token("alice");
  const auto revoke = [&](const std::string& name) {
    return cmpAs("alice", secret, {"-cmd", "rr", "-oldcert", "@" + name + ".crt"});
  };
  EXPECT_REFUSED(revoke("bob"), "badCertId");
  EXPECT_RAN(revoke("alice"));
  EXPECT_EQ(stateIn("bob"), CertificateState::Active);
  EXPECT_EQ(stateIn("alice"), CertificateState::Revoked);
}

TEST_F(CmpClient, RefusesWhatMakesNoSenseUnderIt) {
  enrol("alice", "alice", token("alice"));
  newKey("new.key");
  const std::string secret = token("alice");
  EXPECT_REFUSED(
      cmpAs("alice", secret,
            {"-cmd", "kur", "-oldcert", "@alice.crt", "-newkey", "@new.key", "-certout", "@new.crt"}),
      "notAuthorized");
  EXPECT_REFUSED(cmpAs("alice", secret,
                       {"-cmd", "ir", "-popo", "0", "-subject", "/CN=alice", "-newkey", "@new.key",
                        "-certout", "@new.crt"}),
                 "badPOP");
  EXPECT_REFUSED(cmp({"-cmd", "genm", "-unprotected_requests", "-ref", "alice", "-trusted", "@ca.crt"}),
                 "badMessageCheck");
}

TEST_F(CmpClient, TrustsNoForeignSigner) {
  newKey("mallory.key");
  EXPECT_RAN(openssl({"req", "-x509", "-new", "-key", "@mallory.key", "-subj", "/CN=alice", "-addext",
                      "keyUsage=digitalSignature", "-out", "@mallory.crt"}));
  newKey("new.key");
  EXPECT_REFUSED(kur("mallory", "new"), "signerNotTrusted");
}

TEST_F(CmpClient, TellsItsCertificatesAndItsCrl) {
  enrol("alice", "alice", token("alice"));
  for (const char* const what : {"caCerts", "currentCRL", "signKeyPairTypes"}) {
    const auto ran = cmp({"-cmd", "genm", "-infotype", what, "-cert", "@alice.crt", "-key", "@alice.key",
                          "-trusted", "@ca.crt"});
    EXPECT_RAN(ran);
    EXPECT_THAT(ran.out + ran.err, HasSubstr(what));
  }
  EXPECT_RAN(cmpAs("bob", token("bob"), {"-cmd", "genm", "-infotype", "caCerts"}));
}

TEST_F(CmpClient, ServesTwoAtOnce) {
  const std::string secrets[] = {token("alice"), token("bob")};
  std::thread other([&] { enrol("bob", "bob", secrets[1]); });
  enrol("alice", "alice", secrets[0]);
  other.join();
  EXPECT_EQ(stateIn("alice"), CertificateState::Active);
  EXPECT_EQ(stateIn("bob"), CertificateState::Active);
}

TEST_F(CmpClient, GivesATokenToOneOfTwoKeys) {
  const std::string secret = token("alice");
  newKey("0.key");
  newKey("1.key");
  int exits[2] = {};
  const auto ir = [&](int which) {
    const std::string name = "@" + std::to_string(which);
    exits[which] =
        cmpAs("alice", secret,
              {"-cmd", "ir", "-subject", "/CN=alice", "-newkey", name + ".key", "-certout", name + ".crt"})
            .exit;
  };
  std::thread other(ir, 1);
  ir(0);
  other.join();
  EXPECT_EQ((exits[0] == 0) + (exits[1] == 0), 1);
  EXPECT_EQ(certificatesOf("alice").size(), 1U);
}

TEST_F(CmpClient, GetsNothingFromASealedServer) {
  const std::string secret = token("alice");
  newKey("alice.key");
  vault->seal();
  const auto ran =
      cmpAs("alice", secret,
            {"-cmd", "ir", "-subject", "/CN=alice", "-newkey", "@alice.key", "-certout", "@alice.crt"});
  EXPECT_NE(ran.exit, 0);
  EXPECT_THAT(ran.out + ran.err, HasSubstr("503"));
}

// OpenSSL 3.0's client asks for certificates of Ed25519 keys, but signs no message with one.
TEST_F(CmpClient, TakesEachKindOfKey) {
  newKey("rsa.key", "RSA");
  EXPECT_RAN(cmpAs("rsa", token("rsa"),
                   {"-cmd", "ir", "-subject", "/CN=rsa", "-newkey", "@rsa.key", "-certout", "@rsa.crt"}));
  newKey("renewed.key", "ED25519");
  EXPECT_RAN(kur("rsa", "renewed"));
  EXPECT_EQ(stateIn("renewed"), CertificateState::Active);
  newKey("ed.key", "ED25519");
  EXPECT_RAN(openssl({"req", "-new", "-key", "@ed.key", "-subj", "/CN=ed", "-out", "@ed.csr"}));
  EXPECT_RAN(cmpAs("ed", token("ed"), {"-cmd", "p10cr", "-csr", "@ed.csr", "-certout", "@ed.crt"}));
  EXPECT_EQ(stateIn("ed"), CertificateState::Active);
  newKey("two.key", "ED25519");
  EXPECT_RAN(cmpAs("ed", token("ed"),
                   {"-cmd", "ir", "-subject", "/CN=ed", "-newkey", "@two.key", "-certout", "@two.crt"}));
}

}  // namespace
}  // namespace tests
