// An authority that another one has signed: the key that waits, and the certificate for it.
#include "tests/unit/pki/change_fixture.h"

namespace tests {
namespace {

using base::Code;
using base::Reason;

using Subordinate = ChangeTest;

TEST_F(Subordinate, AKeyWaitsSealedAndIsReplacedOnlyOnPurpose) {
  EXPECT_CODE(pki::pendingRequest(tools(), admin), Code::NotFound);
  const auto first = request();
  ASSERT_OK(first);
  put("ca.csr", pki::pem("CERTIFICATE REQUEST", *first));
  const Ran shown = tryOpenssl({"req", "-verify", "-noout", "-text", "-in", file("ca.csr")});
  EXPECT_EQ(shown.exit, 0) << shown.err;
  for (const char* words : {"O = Acme, CN = Acme Users CA", "CA:TRUE", "Certificate Sign, CRL Sign"})
    EXPECT_NE(shown.out.find(words), std::string::npos) << words << shown.out;
  const auto again = request();
  EXPECT_CODE(again, Code::Conflict);
  EXPECT_NE(again.error().what.find("--replace"), std::string::npos);
  EXPECT_EQ(*pki::pendingRequest(tools(), admin), *first);
  vault->seal();
  EXPECT_REASON(pki::pendingRequest(tools(), admin), Reason::Sealed);
  EXPECT_REASON(request(true), Reason::Sealed);
  restartAll();
  EXPECT_EQ(*pki::pendingRequest(tools(), admin), *first);
  const auto other = request(true);
  ASSERT_OK(other);
  EXPECT_NE(*other, *first);
  EXPECT_EQ(*pki::pendingRequest(tools(), admin), *other);
  EXPECT_EQ(recorded(kms::Event::AuthorityRequested), 2U);
  // What there was goes on meanwhile.
  EXPECT_EQ(authority->numbers(), std::vector<std::int64_t>{1});
  EXPECT_OK(issue(admin, "alice", pki::Profile::Signing, newKey()));
}

TEST_F(Subordinate, IsForAdminsAndForNamesThatACertificateCanHave) {
  EXPECT_REASON(pki::requestSubordinate(tools(), plan(), false, issuer), Reason::Forbidden);
  auto bad = plan();
  bad.commonName = std::string(65, 'x');
  EXPECT_CODE(pki::requestSubordinate(tools(), bad, false, admin), Code::Invalid);
  EXPECT_EQ(rowsIn(kms::Table::Authorities), 1U);
  ASSERT_OK(request());
  EXPECT_REASON(pki::pendingRequest(tools(), issuer), Reason::Forbidden);
  EXPECT_REASON(pki::installSubordinate(tools(), {}, plan(), issuer), Reason::Forbidden);
}

TEST_F(Subordinate, TheParentsCertificateMakesItTheCurrentOne) {
  const auto old = enrolled("alice", newKey());
  parent("root");
  const auto csr = request();
  ASSERT_OK(csr);
  const std::string own = sign(*csr);
  ASSERT_EQ(*install(get("root.crt") + own), 2);  // in any order
  EXPECT_EQ(recorded(kms::Event::AuthorityInstalled), 1U);
  EXPECT_NE(outboxText().find("signed by CN=root,O=Parent, in place of authority 1"), std::string::npos);
  EXPECT_CODE(pki::pendingRequest(tools(), admin), Code::NotFound);
  EXPECT_CODE(install(get("root.crt") + own), Code::NotFound);
  const auto issued = issue(admin, "alice", pki::Profile::Signing, newKey());
  ASSERT_OK(issued);
  ASSERT_EQ(issued->chain.size(), 2U) << "the certificate of the server's own, and the root's";
  putPem("leaf.crt", issued->certificate);
  putPem("sub.crt", issued->chain[0]);
  putPem("top.crt", issued->chain[1]);
  EXPECT_EQ(get("top.crt"), get("root.crt"));
  EXPECT_EQ(verify("top.crt", "sub.crt", "leaf.crt").exit, 0) << verify("top.crt", "sub.crt", "leaf.crt").err;
  // The delegated signers stand under it, too.
  for (const auto& signer : {signers(2).ocsp, signers(2).cmp}) {
    putPem("signer.crt", signer.certificate.der);
    EXPECT_EQ(verify("top.crt", "sub.crt", "signer.crt").exit, 0);
  }
  EXPECT_TRUE(authenticates(old)) << "what the one before has signed goes on";
  restartAll();
  EXPECT_EQ((*authority->current())->number, 2);
  EXPECT_EQ((*authority->current())->chain.size(), 2U);
}

TEST_F(Subordinate, MayStandTwoBelowTheRoot) {
  parent("root");
  const auto csr = request();
  ASSERT_OK(csr);
  openssl({"req", "-new", "-config", file("config"), "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
           "-nodes", "-subj", "/O=Parent/CN=middle", "-keyout", file("middle.key"), "-out", file("m.csr")});
  openssl({"x509", "-req", "-in", file("m.csr"), "-CA", file("root.crt"), "-CAkey", file("root.key"),
           "-CAcreateserial", "-days", "5000", "-extfile", file("config"), "-extensions", "middle", "-out",
           file("middle.crt")});
  const std::string own = sign(*csr, "middle");
  EXPECT_CODE(install(own + get("root.crt")), Code::Invalid);
  ASSERT_OK(install(own + get("middle.crt") + get("root.crt")));
  EXPECT_EQ(signers(2).chain.size(), 3U);
}

TEST_F(Subordinate, WhatDoesNotHoldIsRefusedAndChangesNothing) {
  parent("root");
  parent("narrow", "narrow");
  parent("other");
  const auto csr = request();
  ASSERT_OK(csr);
  const auto foreign = newKey();
  const auto foreignCsr = pki::requestAuthority(foreign, {"Eve", "", "", {}, {}});
  ASSERT_OK(foreignCsr);
  const std::string root = get("root.crt");
  const std::string good = sign(*csr) + root;
  const std::pair<std::string, const char*> bad[] = {
      {sign(*foreignCsr) + root, "none of these certificates"},
      {sign(*csr, "root", "user") + root, "CA:TRUE"},
      {sign(*csr, "root", "useless") + root, "keyCertSign"},
      {sign(*csr, "root", "nolist") + root, "cRLSign"},
      {sign(*csr), "up to a self-signed"},
      {sign(*csr) + get("other.crt"), "does not hold"},
      {sign(*csr, "narrow") + get("narrow.crt"), "path length"},
      {sign(*csr, "root", "sub", "", "1") + root, "expired"},
      {sign(*csr, "root", "sub", "/CN=x/description=" + std::string(129, 'y')) + root, "too long"},
      {sign(*csr, "root", "sub", "/") + root, "no name"},
  };
  for (const auto& [chain, why] : bad) {
    const auto refused = install(chain);
    ASSERT_FALSE(refused) << why;
    EXPECT_EQ(refused.error().code, Code::Invalid) << why;
    EXPECT_NE(refused.error().what.find(why), std::string::npos) << refused.error().what;
  }
  // A signature that somebody else has made in the parent's name.
  std::filesystem::rename(scratch / "other.key", scratch / "root.key");
  openssl({"req", "-x509", "-config", file("config"), "-extensions", "root", "-key", file("root.key"),
           "-days", "7000", "-subj", "/O=Parent/CN=root", "-out", file("fake.crt")});
  std::filesystem::copy_file(scratch / "root.key", scratch / "fake.key");
  EXPECT_CODE(install(sign(*csr, "fake") + root), Code::Invalid);
  EXPECT_EQ(authority->numbers(), std::vector<std::int64_t>{1});
  EXPECT_EQ(recorded(kms::Event::AuthorityInstalled), 0U);
  // The clock decides, too.
  clock.advance(-std::chrono::hours(24 * 365));
  EXPECT_FALSE(install(good));
  clock.advance(std::chrono::hours(24 * 365));
  EXPECT_OK(install(good));
}

TEST_F(Subordinate, WeakParentsAreRefused) {
  parent("root");
  const auto csr = request();
  ASSERT_OK(csr);
  openssl({"req", "-x509", "-config", file("config"), "-extensions", "root", "-newkey", "rsa:1024", "-nodes",
           "-days", "7000", "-subj", "/CN=weak", "-keyout", file("weak.key"), "-out", file("weak.crt")});
  EXPECT_CODE(install(sign(*csr, "weak") + get("weak.crt")), Code::Invalid);
}

TEST_F(Subordinate, IsRolledOverThroughItsParentOnly) {
  parent("root");
  ASSERT_OK(install(sign(*request()) + get("root.crt")));
  const auto refused = rollover();
  EXPECT_CODE(refused, Code::Conflict);
  EXPECT_NE(refused.error().what.find("kmsctl ca request"), std::string::npos);
  const auto before = issue(admin, "alice", pki::Profile::Signing, newKey());
  ASSERT_OK(before);
  ASSERT_EQ(*install(sign(*request()) + get("root.crt")), 3);
  EXPECT_TRUE(authenticates(*before));
  EXPECT_EQ(authority->numbers(), (std::vector<std::int64_t>{1, 2, 3}));
}

}  // namespace
}  // namespace tests
