// Clients that nobody here wrote: openssl cmp, ocsp, verify and cms, strongSwan's pki, curl for EST.
#include "tests/integration/pki/desk.h"

namespace tests {
namespace {

TEST_F(Pki, OpensslEnrolsRenewsAndRevokesByCmp) {
  const std::string secret = token("alice");
  newKey("alice");
  auto asked = enrolment("alice", secret, "alice");
  asked.insert(asked.end(), {"-cacertsout", file("sent.crt")});
  const Ran enrolled = cmp(asked);
  ASSERT_EQ(enrolled.exit, 0) << enrolled.err;
  EXPECT_EQ(openssl({"x509", "-in", file("sent.crt"), "-outform", "DER"}),
            openssl({"x509", "-in", file("ca.pem"), "-outform", "DER"}));
  EXPECT_EQ(verify("alice").exit, 0) << verify("alice").err;
  EXPECT_EQ(ocsp("alice"), "good");

  newKey("next");
  const Ran renewed = cmp({"-cmd", "kur", "-cert", file("alice.crt"), "-key", file("alice.key"), "-newkey",
                           file("next.key"), "-trusted", file("ca.pem"), "-certout", file("next.crt")});
  ASSERT_EQ(renewed.exit, 0) << renewed.err;
  EXPECT_NE(serialOf("next"), serialOf("alice"));

  const auto revoke = [&](const std::string& by, const std::string& what) {
    return cmp({"-cmd", "rr", "-cert", file(by + ".crt"), "-key", file(by + ".key"), "-trusted",
                file("ca.pem"), "-oldcert", file(what + ".crt"), "-revreason", "4"});
  };
  enrol("bob", "bob");
  EXPECT_NE(revoke("bob", "alice").exit, 0) << "another's certificate";
  EXPECT_EQ(ocsp("alice"), "good");
  const Ran revoked = revoke("next", "alice");
  EXPECT_EQ(revoked.exit, 0) << revoked.err;
  EXPECT_EQ(ocsp("alice"), "revoked");
  EXPECT_TRUE(waitUntil([&] { return verify("alice").exit != 0; })) << "the CRL does not have it";
  EXPECT_NE(verify("alice").err.find("certificate revoked"), std::string::npos);
  EXPECT_EQ(verify("next").exit, 0);
  newKey("late");
  EXPECT_NE(cmp({"-cmd", "kur", "-cert", file("alice.crt"), "-key", file("alice.key"), "-newkey",
                 file("late.key"), "-trusted", file("ca.pem"), "-certout", file("late.crt")})
                .exit,
            0)
      << "a revoked certificate renews nothing";
}

TEST_F(Pki, AWrongOrUsedTokenEnrolsNobody) {
  const std::string secret = token("alice");
  newKey("alice");
  EXPECT_NE(cmp(enrolment("alice", "0000-0000-0000", "alice")).exit, 0);
  EXPECT_NE(cmp(enrolment("bob", secret, "alice")).exit, 0) << "it is alice's";
  EXPECT_NE(cmp(enrolment("nobody", secret, "alice")).exit, 0);
  EXPECT_FALSE(has("alice.crt"));
  const Ran enrolled = cmp(enrolment("alice", secret, "alice"));
  ASSERT_EQ(enrolled.exit, 0) << "wrong tries do not void it: " << enrolled.err;
  newKey("second");
  EXPECT_NE(cmp(enrolment("alice", secret, "second")).exit, 0);
  EXPECT_FALSE(has("second.crt"));
}

TEST_F(Pki, StrongswanEnrolsAndRenewsByEst) {
  const std::vector<std::string> at = {"--url",         https_,     "--cacert",
                                       file("tls.crt"), "--cacert", file("ca.pem")};
  const auto pki = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "pki");
    arguments.insert(arguments.end(), at.begin(), at.end());
    return run(arguments);
  };
  const Ran fetched =
      run({"pki", "--estca", "--url", https_, "--cacert", file("tls.crt"), "--caout", file("estca")});
  ASSERT_EQ(fetched.exit, 0) << fetched.err;
  const std::string name = has("estca.der") ? "estca.der" : "estca";
  EXPECT_EQ(read(name), curl("http://" + http_ + "/ca.crt")) << fetched.err;

  const std::string secret = token("alice");
  newKey("alice");
  request("alice", "alice");
  const Ran refused =
      pki({"--est", "--in", file("alice.req"), "--userpass", "alice:0000-0000-0000", "--outform", "pem"});
  EXPECT_NE(refused.exit, 0);
  const Ran enrolled =
      pki({"--est", "--in", file("alice.req"), "--userpass", "alice:" + secret, "--outform", "pem"});
  ASSERT_EQ(enrolled.exit, 0) << enrolled.err;
  write("alice.crt", enrolled.out);
  EXPECT_EQ(verify("alice").exit, 0);

  newKey("next");
  request("next", "alice");
  const Ran renewed = pki({"--est", "--in", file("next.req"), "--cert", file("alice.crt"), "--key",
                           file("alice.key"), "--outform", "pem"});
  ASSERT_EQ(renewed.exit, 0) << renewed.err;
  write("next.crt", renewed.out);
  EXPECT_EQ(verify("next").exit, 0);
}

TEST_F(Pki, CurlGetsTheEncryptionPairAndMailIsReadWithIt) {
  enrol("alice", "alice");
  request("alice", "alice");
  const std::vector<std::string> asked = {"-H", "Content-Type: application/pkcs10", "--data-binary",
                                          "@" + file("alice.b64")};
  std::string status;
  const std::string answer = curl(https_ + "/.well-known/est/serverkeygen", asked, "alice", &status);
  ASSERT_EQ(status, "200") << answer;
  // Two parts of base64: the key, then the certificate.
  const auto part = [&](const std::string& type) {
    const std::size_t at = answer.find("\r\n\r\n", answer.find(type)) + 4;
    return answer.substr(at, answer.find("\r\n--", at) - at);
  };
  write("key.b64", part("application/pkcs8") + "\n");
  write("cert.b64", part("application/pkcs7-mime") + "\n");
  openssl({"base64", "-d", "-A", "-in", file("key.b64"), "-out", file("mail.der")});
  openssl({"base64", "-d", "-A", "-in", file("cert.b64"), "-out", file("mail.p7")});
  openssl({"pkey", "-inform", "DER", "-in", file("mail.der"), "-out", file("mail.key")});
  openssl({"pkcs7", "-inform", "DER", "-in", file("mail.p7"), "-print_certs", "-out", file("mail.crt")});
  EXPECT_EQ(verify("mail").exit, 0) << verify("mail").err;

  write("letter", "the vault opens at noon\n");
  openssl(
      {"cms", "-encrypt", "-aes256", "-in", file("letter"), "-out", file("letter.cms"), file("mail.crt")});
  const std::string opened = openssl(
      {"cms", "-decrypt", "-in", file("letter.cms"), "-recip", file("mail.crt"), "-inkey", file("mail.key")});
  EXPECT_NE(opened.find("the vault opens at noon"), std::string::npos);

  EXPECT_NE(curl(https_ + "/.well-known/est/serverkeygen", asked, {}, &status), answer);
  EXPECT_EQ(status, "401") << "without a certificate";
  const Ran itself = run({"curl", "-sS", "-m", "30", "--cacert", file("tls.crt"), "--cert", file("mail.crt"),
                          "--key", file("mail.key"), https_ + "/v1/users/alice"});
  EXPECT_NE(itself.exit, 0) << "a pair for encryption shows nobody at the handshake";
}

TEST_F(Pki, ASignatureOfARevokedHolderIsRejected) {
  enrol("alice", "alice");
  write("letter", "pay bob\n");
  openssl({"cms", "-sign", "-in", file("letter"), "-signer", file("alice.crt"), "-inkey", file("alice.key"),
           "-out", file("letter.cms")});
  const auto known = [&] {
    write("trust.pem", read("ca.pem") + curl("http://" + http_ + "/crl.pem"));
    return tryOpenssl({"cms", "-verify", "-in", file("letter.cms"), "-CAfile", file("trust.pem"),
                       "-crl_check", "-x509_strict", "-out", file("letter.out")})
               .exit == 0;
  };
  EXPECT_TRUE(known());
  std::string status;
  curl(https_ + "/v1/certificates/" + serialOf("alice") + "/revoke",
       {"-H", "Content-Type: application/json", "-d", R"({"reason":"key-compromise"})"}, "alice", &status);
  EXPECT_EQ(status, "200");
  EXPECT_EQ(ocsp("alice"), "revoked");
  EXPECT_TRUE(waitUntil([&] { return !known(); }));
  curl(https_ + "/v1/users/alice", {}, "alice", &status);
  EXPECT_EQ(status, "401") << "nor does it open the API any more";
}

}  // namespace
}  // namespace tests
