// What others make of the authority's answers: openssl ocsp, GnuTLS's ocsptool and certtool, curl for EST.
#include "tests/integration/pki/desk.h"

namespace tests {
namespace {

class Status : public Pki {
 protected:
  void SetUp() override {
    Pki::SetUp();
    enrol("alice", "alice");
  }
  void revoke(const std::string& reason) {
    const Ran ran = server_.ctl({"cert", "revoke", serialOf("alice"), "--reason", reason});
    ASSERT_EQ(ran.exit, 0) << ran.err;
  }
  // What ocsptool says of alice's certificate, over HTTP, with or without a nonce.
  std::string ocsptool(const std::string& nonce) {
    const Ran ran =
        run({"ocsptool", "--ask=http://" + http_ + "/ocsp", nonce, "--load-issuer=" + file("ca.pem"),
             "--load-cert=" + file("alice.crt"), "--load-trust=" + file("ca.pem")});
    EXPECT_EQ(ran.exit, 0) << ran.out << ran.err;
    return ran.out + ran.err;
  }
};

TEST_F(Status, OpensslGetsItsNonceBack) {
  const auto ask = [&](const std::string& nonce) {
    return tryOpenssl({"ocsp", "-issuer", file("ca.pem"), "-cert", file("alice.crt"), "-url",
                       "http://" + http_ + "/ocsp", "-CAfile", file("ca.pem"), nonce, "-resp_text"});
  };
  const Ran with = ask("-nonce");
  EXPECT_NE(with.err.find("Response verify OK"), std::string::npos) << with.err;
  EXPECT_EQ(with.err.find("no nonce"), std::string::npos) << with.err;
  EXPECT_NE(with.out.find("OCSP Nonce"), std::string::npos);
  const Ran without = ask("-no_nonce");
  EXPECT_NE(without.err.find("Response verify OK"), std::string::npos) << without.err;
  EXPECT_EQ(without.out.find("OCSP Nonce"), std::string::npos);
  EXPECT_NE(without.out.find(": good"), std::string::npos);
}

TEST_F(Status, GnutlsAsksAndVerifiesTheAnswer) {
  for (const char* nonce : {"--nonce", "--no-nonce"}) {
    const std::string said = ocsptool(nonce);
    EXPECT_NE(said.find("Certificate Status: good"), std::string::npos) << said;
    EXPECT_NE(said.find("Verifying OCSP Response: Success"), std::string::npos) << said;
  }
  revoke("key-compromise");
  EXPECT_NE(ocsptool("--nonce").find("Certificate Status: revoked"), std::string::npos);
}

TEST_F(Status, CerttoolVerifiesTheChainAndTheCrl) {
  const auto verified = [&] {
    write("gnutls.crl", curl("http://" + http_ + "/crl.pem"));
    return run({"certtool", "--verify", "--load-ca-certificate=" + file("ca.pem"),
                "--load-crl=" + file("gnutls.crl"), "--infile=" + file("alice.crt")});
  };
  const Ran good = verified();
  EXPECT_EQ(good.exit, 0) << good.out << good.err;
  EXPECT_NE(good.out.find("Chain verification output: Verified"), std::string::npos) << good.out;
  const Ran list = run({"certtool", "--verify-crl", "--load-ca-certificate=" + file("ca.pem"),
                        "--infile=" + file("gnutls.crl")});
  EXPECT_EQ(list.exit, 0) << list.out << list.err;
  EXPECT_NE(list.out.find("Verified"), std::string::npos) << list.out;
  revoke("superseded");
  EXPECT_TRUE(waitUntil([&] { return verified().out.find("revoked") != std::string::npos; }))
      << verified().out;
}

TEST_F(Status, StrictChecksFindNothing) {
  request("alice", "alice");
  std::string status;
  curl(https_ + "/.well-known/est/simplereenroll",
       {"-H", "Content-Type: application/pkcs10", "--data-binary", "@" + file("alice.b64")}, "alice",
       &status);
  EXPECT_EQ(status, "200");
  write("crl.pem", curl("http://" + http_ + "/crl.pem"));
  const Ran ran =
      tryOpenssl({"verify", "-x509_strict", "-crl_check", "-crl_check_all", "-purpose", "smimesign",
                  "-CRLfile", file("crl.pem"), "-CAfile", file("ca.pem"), file("alice.crt")});
  EXPECT_EQ(ran.exit, 0) << ran.err;
  EXPECT_NE(tryOpenssl({"verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", file("ca.pem"),
                        file("alice.crt")})
                .exit,
            0)
      << "a user is no server";
}

TEST_F(Status, EstSaysWhichKeysAreWelcome) {
  std::string status;
  const std::string answer = curl(https_ + "/.well-known/est/csrattrs", {}, {}, &status);
  EXPECT_EQ(status, "200");
  write("attributes.b64", answer + "\n");
  openssl({"base64", "-d", "-A", "-in", file("attributes.b64"), "-out", file("attributes.der")});
  const std::string read = openssl({"asn1parse", "-inform", "DER", "-in", file("attributes.der")});
  EXPECT_NE(read.find("id-ecPublicKey"), std::string::npos) << read;
  EXPECT_NE(read.find("prime256v1"), std::string::npos) << read;
  curl("http://" + http_ + "/.well-known/est/csrattrs", {}, {}, &status);
  EXPECT_EQ(status, "403") << "EST is for https only";
}

}  // namespace
}  // namespace tests
