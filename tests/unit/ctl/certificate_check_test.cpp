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

}  // namespace
}  // namespace tests
