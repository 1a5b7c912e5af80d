// What a client refuses to keep, with certificates that openssl made.
#include "daemon/ctl/certificate_check.h"

#include <gtest/gtest.h>

#include <fstream>

#include "daemon/ctl/holder_key.h"
#include "tests/support/run.h"
#include "tests/support/scratch.h"

namespace tests {
namespace {

using kms::pki::Certificate;
using kms::pki::Profile;

constexpr const char* kSigning =
    "keyUsage=critical,digitalSignature,nonRepudiation\n"
    "extendedKeyUsage=emailProtection,clientAuth\n";
constexpr const char* kEncryption = "keyUsage=critical,keyAgreement\nextendedKeyUsage=emailProtection\n";
constexpr const char* kAlways =
    "basicConstraints=critical,CA:FALSE\nauthorityKeyIdentifier=keyid\n"
    "subjectKeyIdentifier=hash\n";

class Check : public ::testing::Test {
 protected:
  void SetUp() override {
    authority("ca");
    authority("other");
  }
  std::string file(const std::string& name) const { return (scratch_ / name).string(); }
  static void openssl(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "openssl");
    const Ran ran = run(arguments);
    ASSERT_EQ(ran.exit, 0) << ran.err;
  }
  void authority(const std::string& name) {
    openssl({"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
             file(name + ".key"), "-out", file(name + ".pem"), "-subj", "/CN=" + name, "-days", "9",
             "-addext", "keyUsage=critical,keyCertSign,cRLSign"});
  }
  void sign(const std::string& name, const std::string& extensions, int days = 5,
            const std::string& by = "ca") {
    openssl({"req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
             file(name + ".key"), "-out", file(name + ".csr"), "-subj", "/CN=alice"});
    std::ofstream(file(name + ".ext")) << extensions;
    openssl({"x509", "-req", "-in", file(name + ".csr"), "-CA", file(by + ".pem"), "-CAkey",
             file(by + ".key"), "-CAcreateserial", "-days", std::to_string(days), "-extfile",
             file(name + ".ext"), "-out", file(name + ".pem")});
  }
  std::vector<Certificate> certificates(const std::string& name) const {
    return *kmsd::ctl::readCertificatesPem(file(name + ".pem"));
  }
  // Empty: it is kept.
  std::string judge(const std::string& name, Profile profile = Profile::Signing, const std::string& by = "ca",
                    const std::string& key = {}) const {
    const auto own = kmsd::ctl::readKeyPem(file((key.empty() ? name : key) + ".key"));
    EXPECT_TRUE(own);
    const auto done =
        kmsd::ctl::checkIssued(certificates(name).front(), certificates(by), {}, own->publicKey(), profile);
    return done ? "" : done.error().what;
  }

  Scratch scratch_;
};

TEST_F(Check, KeepsWhatItsProfileSays) {
  sign("alice", std::string(kAlways) + kSigning);
  EXPECT_EQ(judge("alice"), "");
  sign("mail", std::string(kAlways) + kEncryption);
  EXPECT_EQ(judge("mail", Profile::Encryption), "");
}

TEST_F(Check, RefusesAnotherKeyAuthorityOrTime) {
  sign("alice", std::string(kAlways) + kSigning);
  sign("bob", std::string(kAlways) + kSigning);
  EXPECT_NE(judge("alice", Profile::Signing, "ca", "bob").find("another key"), std::string::npos);
  EXPECT_NE(judge("alice", Profile::Signing, "other"), "");
  sign("past", std::string(kAlways) + kSigning, -1);
  EXPECT_NE(judge("past").find("expired"), std::string::npos) << judge("past");
  sign("forged", std::string(kAlways) + kSigning, 5, "other");
  EXPECT_NE(judge("forged"), "");
}

TEST_F(Check, RefusesAnotherPurpose) {
  sign("alice", std::string(kAlways) + kSigning);
  sign("mail", std::string(kAlways) + kEncryption);
  EXPECT_NE(judge("alice", Profile::Encryption).find("user-encryption"), std::string::npos);
  EXPECT_NE(judge("mail").find("user-signing"), std::string::npos);
  sign("bare", kAlways);
  EXPECT_NE(judge("bare"), "") << "a certificate without purposes is none of ours";
  sign("sub",
       "basicConstraints=critical,CA:TRUE\nauthorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\n"
       "keyUsage=critical,keyCertSign,digitalSignature,nonRepudiation\n");
  EXPECT_NE(judge("sub").find("authority's"), std::string::npos) << judge("sub");
}

TEST_F(Check, GoesByWayOfTheAuthoritiesBetween) {
  sign("sub",
       "basicConstraints=critical,CA:TRUE\nauthorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\n"
       "keyUsage=critical,keyCertSign,cRLSign\n");
  sign("alice", std::string(kAlways) + kSigning, 4, "sub");
  EXPECT_NE(judge("alice"), "");
  EXPECT_EQ(judge("alice", Profile::Signing, "sub"), "") << "pinned as it is";
  const auto own = kmsd::ctl::readKeyPem(file("alice.key"));
  EXPECT_TRUE(kmsd::ctl::checkIssued(certificates("alice").front(), certificates("ca"), certificates("sub"),
                                     own->publicKey(), Profile::Signing));
  EXPECT_FALSE(kmsd::ctl::checkIssued(certificates("alice").front(), certificates("other"),
                                      certificates("sub"), own->publicKey(), Profile::Signing));
}

// Keys of one authority, one after the other, with the links that openssl makes between them.
class Vouching : public Check {
 protected:
  void SetUp() override {
    for (int i = 1; i <= 3; ++i) root("r" + std::to_string(i), "/CN=Acme CA");
    link("l2", "r2", "r1");
    link("l3", "r3", "r2");
  }
  void root(const std::string& name, const std::string& subject) {
    openssl({"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
             file(name + ".key"), "-out", file(name + ".pem"), "-subj", subject, "-days", "9", "-addext",
             "keyUsage=critical,keyCertSign,cRLSign"});
  }
  // The key of `to`, signed by `from`.
  void link(const std::string& name, const std::string& to, const std::string& from, int days = 5,
            const std::string& extensions = "basicConstraints=critical,CA:TRUE\n") {
    openssl({"pkey", "-in", file(to + ".key"), "-pubout", "-out", file("public")});
    std::ofstream(file("link.ext")) << extensions
                                    << "keyUsage=critical,keyCertSign,cRLSign\n"
                                       "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid:always\n";
    openssl({"x509", "-new", "-force_pubkey", file("public"), "-subj", "/CN=Acme CA", "-CA",
             file(from + ".pem"), "-CAkey", file(from + ".key"), "-days", std::to_string(days), "-extfile",
             file("link.ext"), "-out", file(name + ".pem")});
  }
  bool vouches(const std::string& known, const std::string& next,
               const std::vector<std::string>& links) const {
    std::vector<Certificate> all;
    for (const std::string& name : links) all.push_back(certificates(name).front());
    return kmsd::ctl::vouchesFor(certificates(known).front(), certificates(next).front(), all);
  }
};

TEST_F(Vouching, GoesFromLinkToLink) {
  EXPECT_TRUE(vouches("r1", "r2", {"l2"}));
  EXPECT_TRUE(vouches("r1", "r3", {"l3", "l2"}));
  EXPECT_TRUE(vouches("r2", "r3", {"l3", "l2"}));
  EXPECT_FALSE(vouches("r1", "r3", {"l3"})) << "one is missing";
  EXPECT_FALSE(vouches("r3", "r1", {"l3", "l2"})) << "not back";
  EXPECT_FALSE(vouches("r1", "r3", {}));
}

TEST_F(Vouching, TakesNothingThatTheOldKeyHasNotSigned) {
  root("thief", "/CN=Acme CA");
  link("forged", "thief", "thief");
  link("past", "r2", "r1", -1);
  link("user", "r2", "r1", 5, "basicConstraints=critical,CA:FALSE\n");
  EXPECT_FALSE(vouches("r1", "thief", {"l3", "l2", "forged"}));
  EXPECT_FALSE(vouches("r1", "thief", {"l2"}));
  EXPECT_FALSE(vouches("r1", "r2", {"past"}));
  EXPECT_FALSE(vouches("r1", "r2", {"user"}));
  EXPECT_FALSE(vouches("r1", "l2", {"l2"})) << "it must have signed itself";
  root("other", "/CN=Another CA");
  link("named", "other", "r1");
  EXPECT_FALSE(vouches("r1", "other", {"named"})) << "another name";
}

}  // namespace
}  // namespace tests
