// An authority that gets a new key, and one that another authority signs, with openssl as parent and as
// judge.
#include <filesystem>

#include "tests/integration/pki/desk.h"

namespace tests {
namespace {

constexpr std::string_view kParent = R"(
[req]
distinguished_name = dn
[dn]
[root]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[sub]
basicConstraints = critical,CA:TRUE,pathlen:0
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
)";

class Authority : public Pki {
 protected:
  std::vector<std::string> options() const override {
    return {"--crl-url", "http://ca.example.org/crl/{ca}.der", "--ca-url",
            "http://ca.example.org/ca/{ca}.crt"};
  }
  bool isThere(const std::string& path) const {
    std::string status;
    curl("http://" + http_ + path, {}, {}, &status);
    return status == "200";
  }
  // NAME as PEM, from what is served in DER there.
  void fetch(const std::string& path, const std::string& name) const {
    write(name + ".der", curl("http://" + http_ + path));
    openssl({"x509", "-inform", "DER", "-in", file(name + ".der"), "-out", file(name)});
  }
  std::string listed(int number) const {
    write("one.crl", curl("http://" + http_ + "/crl/" + std::to_string(number) + ".der"));
    return openssl({"crl", "-inform", "DER", "-in", file("one.crl"), "-noout", "-text"});
  }
  // "good" or "revoked", as the authority whose certificate is `issuer` has it said.
  std::string said(const std::string& name, const std::string& issuer, const std::string& trusted) const {
    const Ran ran = tryOpenssl({"ocsp", "-issuer", file(issuer), "-cert", file(name + ".crt"), "-url",
                                "http://" + http_ + "/ocsp", "-CAfile", file(trusted)});
    EXPECT_NE(ran.err.find("Response verify OK"), std::string::npos) << ran.err;
    const std::size_t at = ran.out.find(": ");
    return at == ran.out.npos ? ran.out : ran.out.substr(at + 2, ran.out.find('\n') - at - 2);
  }
  bool leads(const std::string& trusted, const std::string& untrusted, const std::string& name) const {
    return tryOpenssl({"verify", "-x509_strict", "-CAfile", file(trusted), "-untrusted", file(untrusted),
                       file(name + ".crt")})
               .exit == 0;
  }
  std::string shown(const std::string& name) const {
    return openssl({"x509", "-in", file(name + ".crt"), "-noout", "-text"});
  }

  void makeParent() const {
    write("parent.cnf", std::string(kParent));
    openssl({"req", "-x509", "-config", file("parent.cnf"), "-extensions", "root", "-newkey", "ec",
             "-pkeyopt", "ec_paramgen_curve:P-384", "-nodes", "-days", "4000", "-subj", "/O=Parent/CN=Root",
             "-keyout", file("root.key"), "-out", file("root.crt")});
  }
  // ca.csr becomes sub.crt, and chain.pem with the root.
  void signRequest() const {
    openssl({"x509", "-req", "-in", file("ca.csr"), "-CA", file("root.crt"), "-CAkey", file("root.key"),
             "-CAcreateserial", "-days", "3000", "-extfile", file("parent.cnf"), "-extensions", "sub", "-out",
             file("sub.crt")});
    write("chain.pem", read("sub.crt") + read("root.crt"));
  }
};

TEST_F(Authority, ARolloverLeavesNobodyOutside) {
  enrol("alice", "alice");
  EXPECT_EQ(verify("alice").exit, 0);
  const Ran kept =
      server_.ctl({"enrol", "--user", "bob", "--token-file", tokenFile("bob"), "--out", file("bob")});
  ASSERT_EQ(kept.exit, 0) << kept.err;
  const Ran rolled = server_.ctl({"ca", "rollover", "--ca-key", "ecdsa-p384"});
  ASSERT_EQ(rolled.exit, 0) << rolled.err;
  EXPECT_NE(rolled.out.find("number     2"), std::string::npos) << rolled.out;
  EXPECT_NE(rolled.out.find("before it  1, until"), std::string::npos) << rolled.out;
  ASSERT_TRUE(waitUntil([&] { return isThere("/crl/2.der"); }));
  write("ca.pem", curl("http://" + http_ + "/ca.pem"));
  fetch("/ca/1.crt", "old.pem");
  fetch("/ca/2.crt", "new.pem");
  fetch("/ca/2/new-with-old.crt", "new-with-old.pem");
  fetch("/ca/2/old-with-new.crt", "old-with-new.pem");
  enrol("alice", "fresh");
  EXPECT_EQ(verify("alice").exit, 0) << verify("alice").err;
  EXPECT_EQ(verify("fresh").exit, 0) << verify("fresh").err;
  EXPECT_TRUE(leads("old.pem", "new-with-old.pem", "fresh"));
  EXPECT_TRUE(leads("new.pem", "old-with-new.pem", "alice"));
  EXPECT_FALSE(leads("old.pem", "old.pem", "fresh"));
  EXPECT_EQ(said("alice", "old.pem", "old.pem"), "good");
  EXPECT_EQ(said("fresh", "new.pem", "new.pem"), "good");
  EXPECT_NE(shown("alice").find("ca.example.org/crl/1.der"), std::string::npos);
  EXPECT_NE(shown("fresh").find("ca.example.org/crl/2.der"), std::string::npos);
  EXPECT_NE(shown("fresh").find("ca.example.org/ca/2.crt"), std::string::npos);
  // By CMP, with nothing but the old authority's certificate to trust.
  newKey("next");
  const Ran updated = cmp({"-cmd", "kur", "-cert", file("alice.crt"), "-key", file("alice.key"), "-newkey",
                           file("next.key"), "-trusted", file("old.pem"), "-certout", file("next.crt")});
  ASSERT_EQ(updated.exit, 0) << updated.err;
  EXPECT_EQ(verify("next").exit, 0) << verify("next").err;
  EXPECT_EQ(said("next", "new.pem", "new.pem"), "good");
  // By EST, with the old authority's client certificate.
  request("alice", "alice");
  std::string status;
  curl(https_ + "/.well-known/est/simplereenroll",
       {"-H", "Content-Type: application/pkcs10", "--data-binary", "@" + file("alice.b64")}, "alice",
       &status);
  EXPECT_EQ(status, "200");
  // By kmsctl, which follows the link.
  const Ran renewed = server_.ctl({"renew", "--dir", file("bob"), "--force"});
  EXPECT_EQ(renewed.exit, 0) << renewed.err;
  std::filesystem::copy_file(file("bob/cert.pem"), file("bob.crt"));
  EXPECT_EQ(said("bob", "new.pem", "new.pem"), "good");
}

TEST_F(Authority, WhatTheOldKeySignedIsRevokedOnItsListToo) {
  enrol("alice", "alice");
  ASSERT_EQ(server_.ctl({"ca", "rollover"}).exit, 0);
  ASSERT_TRUE(waitUntil([&] { return isThere("/crl/2.der"); }));
  write("ca.pem", curl("http://" + http_ + "/ca.pem"));
  fetch("/ca/1.crt", "old.pem");
  enrol("bob", "bob");
  ASSERT_EQ(server_.ctl({"cert", "revoke", serialOf("alice"), "--reason", "superseded"}).exit, 0);
  EXPECT_EQ(said("alice", "old.pem", "old.pem"), "revoked");
  ASSERT_TRUE(waitUntil([&] { return verify("alice").exit != 0; }));
  EXPECT_NE(verify("alice").err.find("revoked"), std::string::npos) << verify("alice").err;
  EXPECT_EQ(verify("bob").exit, 0) << verify("bob").err;
  EXPECT_NE(listed(1).find(serialOf("alice")), std::string::npos);
  ASSERT_TRUE(waitUntil([&] { return listed(2).find(serialOf("alice")) != std::string::npos; }))
      << "and on the new one's, which programs take for both";
  std::string status;
  request("alice", "alice");
  curl(https_ + "/.well-known/est/simplereenroll",
       {"-H", "Content-Type: application/pkcs10", "--data-binary", "@" + file("alice.b64")}, "alice",
       &status);
  EXPECT_EQ(status, "401");
}

TEST_F(Authority, AParentMakesItASubordinateOne) {
  enrol("bob", "bob");
  makeParent();
  ASSERT_EQ(server_.ctl({"ca", "request", "--ca-name", "Test Users CA", "--out", file("ca.csr")}).exit, 0);
  EXPECT_EQ(server_.ctl({"ca", "request"}).exit, 9) << "one waits";
  EXPECT_EQ(server_.ctl({"ca", "request", "--show"}).out, read("ca.csr"));
  EXPECT_EQ(server_.ctl({"ca", "install", file("root.crt")}).exit, 2);
  signRequest();
  const Ran installed = server_.ctl({"ca", "install", file("chain.pem")});
  ASSERT_EQ(installed.exit, 0) << installed.err;
  EXPECT_NE(installed.out.find("CN=Root,O=Parent"), std::string::npos) << installed.out;
  ASSERT_TRUE(waitUntil([&] { return isThere("/crl/2.der"); }));
  const std::string pin = std::string(server_.ctlJson({"ca", "show"}).at("sha256").as_string());
  const Ran hash = tryOpenssl({"x509", "-in", file("sub.crt"), "-noout", "-fingerprint", "-sha256"});
  std::string plain = hash.out.substr(hash.out.find('=') + 1);
  std::erase(plain, ':');
  for (char& c : plain) c = static_cast<char>(c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c);
  EXPECT_EQ(plain.substr(0, 64), pin) << "the pin is of the certificate that signs, not of the root";
  const Ran enrolled = overTls({"enrol", "--user", "alice", "--token-file", tokenFile("alice"), "--ca-sha256",
                                pin, "--out", file("alice")});
  ASSERT_EQ(enrolled.exit, 0) << enrolled.err;
  std::filesystem::copy_file(file("alice/cert.pem"), file("alice.crt"));
  write("crl.pem", curl("http://" + http_ + "/crl.pem"));
  const Ran verified =
      tryOpenssl({"verify", "-x509_strict", "-crl_check", "-CRLfile", file("crl.pem"), "-CAfile",
                  file("root.crt"), "-untrusted", file("alice/ca.pem"), file("alice.crt")});
  EXPECT_EQ(verified.exit, 0) << verified.err;
  EXPECT_EQ(said("alice", "sub.crt", "chain.pem"), "good");
  write("ca.pem", curl("http://" + http_ + "/ca.pem"));
  EXPECT_TRUE(read("ca.pem").starts_with(read("chain.pem")));
  EXPECT_EQ(verify("alice").exit, 0) << verify("alice").err;
  EXPECT_EQ(verify("bob").exit, 0) << verify("bob").err;
  // By CMP the chain comes along; EST gives all that there is.
  newKey("more");
  auto asked = enrolment("alice", token("alice"), "more");
  asked.insert(asked.end(), {"-cacertsout", file("capubs.pem")});
  ASSERT_EQ(cmp(asked).exit, 0);
  const std::string both = openssl({"crl2pkcs7", "-nocrl", "-certfile", file("capubs.pem")});
  write("capubs.p7", both);
  const std::string subjects = openssl({"pkcs7", "-in", file("capubs.p7"), "-print_certs", "-noout"});
  EXPECT_NE(subjects.find("CN = Test Users CA"), std::string::npos) << subjects;
  EXPECT_NE(subjects.find("CN = Root"), std::string::npos) << subjects;
  write("est.b64", curl(https_ + "/.well-known/est/cacerts"));
  openssl({"base64", "-d", "-A", "-in", file("est.b64"), "-out", file("est.p7")});
  const std::string all =
      openssl({"pkcs7", "-inform", "DER", "-in", file("est.p7"), "-print_certs", "-noout"});
  for (const char* name : {"CN = Test Users CA", "CN = Root", "CN = keydisk CA"})
    EXPECT_NE(all.find(name), std::string::npos) << all;
  EXPECT_EQ(server_.ctl({"ca", "rollover"}).exit, 9) << "its parent must sign the next";
}

TEST_F(Authority, AServerCanBeginWithoutOne) {
  makeParent();
  Server fresh;
  std::filesystem::create_directory(fresh.drive());
  std::filesystem::create_directory(fresh.safe());
  const Ran made = fresh.kmsd({"setup", "--data-dir", fresh.data(), "--medium",
                               "image:" + (fresh.safe() / "key.img").string(), "--no-ca"});
  ASSERT_EQ(made.exit, 0) << made.err;
  fresh.insert("key.img");
  fresh.start();
  fresh.expectState("unsealed", "");
  EXPECT_EQ(fresh.ctl({"ca", "show"}).exit, 1);
  EXPECT_EQ(fresh.ctl({"ca", "rollover"}).exit, 1);
  ASSERT_EQ(fresh.ctl({"ca", "request", "--ca-key", "rsa-3072", "--out", file("ca.csr")}).exit, 0);
  signRequest();
  const Ran installed = fresh.ctl({"ca", "install", file("chain.pem")});
  ASSERT_EQ(installed.exit, 0) << installed.err;
  EXPECT_NE(installed.out.find("number     1"), std::string::npos) << installed.out;
  EXPECT_NE(installed.out.find(read("chain.pem")), std::string::npos);
  EXPECT_EQ(fresh.ctl({"ca", "init"}).exit, 9);
}

}  // namespace
}  // namespace tests
