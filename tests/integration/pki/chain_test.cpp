// An authority that has changed its key three times, and clients that know none but its first certificate.
#include <filesystem>

#include "tests/integration/pki/desk.h"

namespace tests {
namespace {

constexpr int kNewest = 4;

class Chain : public Pki {
 protected:
  std::vector<std::string> options() const override {
    return {"--crl-url", "http://ca.example.org/crl/{ca}.der"};
  }
  bool showsOwn() const override { return true; }

  void SetUp() override {
    Pki::SetUp();
    fetch("/ca/1.crt", "first.pem");
    ASSERT_TRUE(waitUntil([&] { return shows("first.pem"); })) << server_.log();
  }
  void rollOver(const std::vector<std::string>& kinds = {"ecdsa-p384", "ecdsa-p256", "ecdsa-p256"}) {
    for (const std::string& kind : kinds) {
      const Ran done = server_.ctl({"ca", "rollover", "--ca-key", kind});
      ASSERT_EQ(done.exit, 0) << done.err;
    }
    fetch("/ca/4.crt", "newest.pem");
    fetch("/ca/3.crt", "third.pem");
    std::string links;
    std::string back;
    for (int number = kNewest; number > 1; --number) {
      fetch("/ca/" + std::to_string(number) + "/new-with-old.crt", "link.pem");
      links += read("link.pem");
      fetch("/ca/" + std::to_string(number) + "/old-with-new.crt", "link.pem");
      back += read("link.pem");
    }
    write("links.pem", links);
    write("back.pem", back);
    // It is made anew, by the authority of now.
    ASSERT_TRUE(waitUntil([&] { return shows("newest.pem"); })) << server_.log();
  }
  void fetch(const std::string& path, const std::string& name) const {
    write(name + ".der", curl("http://" + http_ + path));
    openssl({"x509", "-inform", "DER", "-in", file(name + ".der"), "-out", file(name)});
  }
  std::string place() const { return https_.substr(https_.find("//") + 2); }
  // Whether openssl gets a connection that this file vouches for, with this version of TLS.
  bool shows(const std::string& trusted, const std::string& version = "-tls1_3") const {
    return tryOpenssl({"s_client", "-connect", place(), version, "-CAfile", file(trusted), "-verify_hostname",
                       "localhost", "-verify_return_error"})
               .exit == 0;
  }
  Ran leads(const std::string& trusted, const std::string& untrusted, const std::string& leaf,
            std::vector<std::string> more = {}) const {
    std::vector<std::string> all = {"verify",      "-x509_strict", "-CAfile",
                                    file(trusted), "-untrusted",   file(untrusted)};
    all.insert(all.end(), more.begin(), more.end());
    all.push_back(file(leaf));
    return tryOpenssl(all);
  }
  std::size_t certificatesIn(const std::string& pem) const {
    std::size_t count = 0;
    for (std::size_t at = pem.find("BEGIN CERT"); at != pem.npos; at = pem.find("BEGIN CERT", at + 1))
      ++count;
    return count;
  }
  // Whether each certificate of the one text stands in the other.
  static bool holdsAll(const std::string& whole, const std::string& parts) {
    const std::string begin = "-----BEGIN CERTIFICATE-----";
    const std::string end = "-----END CERTIFICATE-----";
    for (std::size_t at = parts.find(begin); at != parts.npos; at = parts.find(begin, at + 1))
      if (whole.find(parts.substr(at, parts.find(end, at) - at)) == whole.npos) return false;
    return true;
  }
  Ran enrolWithKmsctl(const std::string& user, std::vector<std::string> more) {
    more.insert(more.begin(),
                {"enrol", "--user", user, "--token-file", tokenFile(user), "--out", file(user)});
    return run(withProgram(std::move(more)));
  }
  std::vector<std::string> withProgram(std::vector<std::string> words) const {
    words.insert(words.begin(), {server_.program("kmsctl"), "--server", https_});
    return words;
  }
};

TEST_F(Chain, TlsOpensslAndCmpLeadFromTheNewestToTheFirst) {
  enrol("alice", "alice");
  rollOver();
  enrol("alice", "fresh");
  EXPECT_EQ(leads("first.pem", "links.pem", "fresh.crt").exit, 0);
  EXPECT_EQ(leads("third.pem", "links.pem", "fresh.crt").exit, 0);
  EXPECT_NE(leads("first.pem", "newest.pem", "fresh.crt").exit, 0);
  for (const char* trusted : {"first.pem", "third.pem", "newest.pem"})
    for (const char* version : {"-tls1_2", "-tls1_3"})
      EXPECT_TRUE(shows(trusted, version)) << trusted << version;
  std::string status;
  curl(https_ + "/v1/health", {}, {}, &status);  // trusts the first
  EXPECT_EQ(status, "200");
  // GnuTLS counts links against the path length of an authority (RFC 5280, section 4.2.1.9 does not), so it
  // goes by none of them. They must not be in its way where it trusts the newest.
  const Ran gnutls = run({"gnutls-cli", "--x509cafile", file("newest.pem"), "-p",
                          place().substr(place().find(':') + 1), "localhost"});
  EXPECT_EQ(gnutls.exit, 0) << gnutls.out << gnutls.err;
  // A holder of the first authority's certificate, who trusts nothing else, by CMP.
  newKey("next");
  const Ran updated =
      cmp({"-cmd", "kur", "-cert", file("alice.crt"), "-key", file("alice.key"), "-newkey", file("next.key"),
           "-trusted", file("first.pem"), "-out_trusted", file("first.pem"), "-certout", file("next.crt")});
  EXPECT_EQ(updated.exit, 0) << updated.err;
  EXPECT_EQ(leads("first.pem", "links.pem", "next.crt").exit, 0);
  const Ran asked = cmp({"-cmd", "genm", "-infotype", "caCerts", "-cert", file("alice.crt"), "-key",
                         file("alice.key"), "-trusted", file("first.pem")});
  EXPECT_EQ(asked.exit, 0) << asked.err;
  // EST gives all of it, and its own certificate is trusted by the first (RFC 7030, section 4.1.3).
  write("est.b64", curl(https_ + "/.well-known/est/cacerts"));
  openssl({"base64", "-d", "-A", "-in", file("est.b64"), "-out", file("est.p7")});
  write("est.pem", openssl({"pkcs7", "-inform", "DER", "-in", file("est.p7"), "-print_certs"}));
  EXPECT_EQ(certificatesIn(read("est.pem")), 4U + 3 * 2);
  for (const char* name : {"links.pem", "back.pem", "first.pem", "third.pem", "newest.pem"})
    EXPECT_TRUE(holdsAll(read("est.pem"), read(name))) << name;
  EXPECT_EQ(leads("newest.pem", "back.pem", "alice.crt").exit, 0) << "old with new";
}

TEST_F(Chain, KmsctlFollowsTheLinks) {
  const std::string pin = std::string(server_.ctlJson({"ca", "show"}).at("sha256").as_string());
  const std::string early = tokenFile("bob");
  std::filesystem::copy_file(early, file("bob.token"));
  const Ran enrolled = enrolWithKmsctl("alice", {"--ca-sha256", pin, "--no-pkcs12"});
  ASSERT_EQ(enrolled.exit, 0) << enrolled.err;
  EXPECT_FALSE(has("alice/links.pem"));
  rollOver();
  const Ran asked = overTls({"status"});  // --ca of the first
  EXPECT_EQ(asked.exit, 0) << asked.err;
  // Who was told the first one's fingerprint enrols with it.
  const Ran late = run(withProgram({"enrol", "--user", "bob", "--token-file", file("bob.token"), "--out",
                                    file("bob"), "--ca-sha256", pin, "--no-pkcs12"}));
  EXPECT_EQ(late.exit, 0) << late.err;
  EXPECT_EQ(certificatesIn(read("bob/ca.pem")), 2U) << "the newest, and the one that vouches for it";
  const std::string wrong = std::string(64, '0');
  EXPECT_EQ(enrolWithKmsctl("bob", {"--ca-sha256", wrong, "--force", "--no-pkcs12"}).exit, 6);
  // The holder of before renews: by the ca.pem of the directory alone.
  const Ran renewed = run(withProgram({"renew", "--dir", file("alice"), "--force"}));
  ASSERT_EQ(renewed.exit, 0) << renewed.err;
  EXPECT_EQ(leads("newest.pem", "newest.pem", "alice/cert.pem").exit, 0);
  EXPECT_EQ(leads("alice/ca.pem", "alice/ca.pem", "alice/cert.pem").exit, 0);
  EXPECT_EQ(certificatesIn(read("alice/ca.pem")), 2U) << "no links: they are nothing to trust";
  EXPECT_EQ(leads("first.pem", "alice/links.pem", "alice/cert.pem").exit, 0)
      << "what is sent along leads there";
  const Ran again = overTls({"renew", "--dir", file("alice"), "--force"});
  EXPECT_EQ(again.exit, 0) << again.err;
}

TEST_F(Chain, WhoTrustsTheFirstSeesWhatIsRevoked) {
  enrol("alice", "alice");
  enrol("alice", "spare");
  rollOver();
  enrol("bob", "bob");
  enrol("bob", "good");
  for (const char* name : {"alice", "bob"})
    ASSERT_EQ(server_.ctl({"cert", "revoke", serialOf(name), "--reason", "superseded"}).exit, 0);
  const auto complaint = [&](const std::string& name, const std::string& list,
                             const std::string& how = "-crl_check") {
    write("list.der", curl("http://" + http_ + list));
    if (list.ends_with(".der"))
      openssl({"crl", "-inform", "DER", "-in", file("list.der"), "-out", file("list.pem")});
    else
      write("list.pem", read("list.der"));
    return leads("first.pem", "links.pem", name + ".crt", {how, "-CRLfile", file("list.pem")}).err;
  };
  const auto isRevoked = [&](const std::string& name, const std::string& list) {
    return waitUntil([&] { return complaint(name, list).find("certificate revoked") != std::string::npos; });
  };
  for (const char* list : {"/crl/1.der", "/crl.pem"})
    for (const char* name : {"alice", "bob"}) EXPECT_TRUE(isRevoked(name, list)) << name << " " << list;
  EXPECT_EQ(complaint("good", "/crl.pem", "-crl_check_all"), "");
  EXPECT_EQ(complaint("spare", "/crl/1.der", "-crl_check_all"), "");
  // By OCSP, each by the authority that signed it.
  const auto said = [&](const std::string& name, const std::string& issuer) {
    const Ran ran = tryOpenssl({"ocsp", "-issuer", file(issuer), "-cert", file(name + ".crt"), "-url",
                                "http://" + http_ + "/ocsp", "-CAfile", file("first.pem"), "-verify_other",
                                file("links.pem")});
    EXPECT_NE(ran.err.find("Response verify OK"), std::string::npos) << ran.err;
    return ran.out;
  };
  EXPECT_NE(said("alice", "first.pem").find("revoked"), std::string::npos);
  EXPECT_NE(said("spare", "first.pem").find("good"), std::string::npos);
  EXPECT_NE(said("bob", "newest.pem").find("revoked"), std::string::npos);
  EXPECT_NE(said("good", "newest.pem").find("good"), std::string::npos);
}

}  // namespace
}  // namespace tests
