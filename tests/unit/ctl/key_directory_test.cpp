// The directory that an enrolment fills and a renewal changes.
#include "daemon/ctl/key_directory.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "daemon/ctl/holder_key.h"
#include "tests/support/run.h"
#include "tests/support/scratch.h"

namespace tests {
namespace {

namespace fs = std::filesystem;
using kmsd::ctl::kEncryptionPair;
using kmsd::ctl::KeyDirectory;
using kmsd::ctl::kSigningPair;

class Directory : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(directory_.make()); }

  static std::string read(const fs::path& path) {
    std::ifstream in(path);
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
  }
  std::string text(const std::string& name) const { return read(directory_.file(name)); }
  // A certificate and its key.
  struct Pair {
    std::string key;
    std::string certificate;
    std::string serial;
  };
  Pair pair() {
    const std::string key = (scratch_ / "made.key").string();
    const std::string certificate = (scratch_ / "made.crt").string();
    const Ran made = run({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                          "-nodes", "-subj", "/CN=alice", "-keyout", key, "-out", certificate});
    EXPECT_EQ(made.exit, 0) << made.err;
    const auto parsed = kmsd::ctl::readCertificatesPem(certificate);
    EXPECT_TRUE(parsed);
    return {read(key), read(certificate), base::toHex(parsed->front().serial)};
  }
  void put(const Pair& pair) {
    ASSERT_TRUE(directory_.replace(kEncryptionPair, base::asBytes(pair.key), pair.certificate));
  }

  Scratch scratch_;
  KeyDirectory directory_{scratch_ / "holder"};
};

TEST_F(Directory, IsForItsOwnerAlone) {
  EXPECT_EQ(fs::status(directory_.file("")).permissions(), fs::perms::owner_all);
  const fs::path there = scratch_ / "there";
  fs::create_directory(there);
  fs::permissions(there, fs::perms::owner_all | fs::perms::group_read);
  EXPECT_TRUE(KeyDirectory(there).make());
  EXPECT_EQ(fs::status(there).permissions(), fs::perms::owner_all | fs::perms::group_read)
      << "one that is there stays as it is";
}

TEST_F(Directory, OneRunAtATime) {
  ASSERT_TRUE(directory_.lock());
  KeyDirectory other(scratch_ / "holder");
  const auto second = other.lock();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, base::Code::Conflict);
}

TEST_F(Directory, KeepsWhatIsReplacedByItsSerialNumber) {
  const Pair first = pair();
  const Pair second = pair();
  put(first);
  EXPECT_FALSE(directory_.has("old"));
  put(first);
  EXPECT_FALSE(directory_.has("old")) << "it is the same";
  put(second);
  EXPECT_EQ(text("encryption-key.pem"), second.key);
  EXPECT_EQ(text("old/" + first.serial + "-encryption-key.pem"), first.key);
  EXPECT_EQ(text("old/" + first.serial + "-encryption-cert.pem"), first.certificate);
  EXPECT_EQ(fs::status(directory_.file("old/" + first.serial + "-encryption-key.pem")).permissions(),
            fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(Directory, EndsOrForgetsAReplacementThatWasBrokenOff) {
  const Pair first = pair();
  const Pair second = pair();
  put(first);
  const auto stage = [&](const char* name, const std::string& content) {
    ASSERT_TRUE(directory_.writeSecret(name, base::asBytes(content)));
  };
  stage("encryption-key.pem.next", second.key);
  ASSERT_TRUE(directory_.finishReplacing(kEncryptionPair));
  EXPECT_EQ(text("encryption-key.pem"), first.key) << "its certificate had not come yet";
  stage("encryption-cert.pem.next", second.certificate);
  ASSERT_TRUE(directory_.finishReplacing(kEncryptionPair));
  EXPECT_EQ(text("encryption-key.pem"), second.key);
  EXPECT_EQ(text("encryption-cert.pem"), second.certificate);
  stage("encryption-cert.pem.next", first.certificate);
  stage("encryption-key.pem", first.key);
  ASSERT_TRUE(directory_.finishReplacing(kEncryptionPair));
  EXPECT_EQ(text("encryption-cert.pem"), first.certificate) << "the key had its place already";
}

TEST_F(Directory, MovesAsideAndOverwritesNothing) {
  const Pair first = pair();
  ASSERT_TRUE(directory_.replace(kSigningPair, base::asBytes(first.key), first.certificate));
  put(pair());
  EXPECT_TRUE(directory_.inUse());
  ASSERT_TRUE(directory_.moveAside());
  EXPECT_FALSE(directory_.inUse());
  EXPECT_FALSE(directory_.has("key.pem"));
  ASSERT_TRUE(directory_.writeSecret("key.pem", base::asBytes("a key of the user's own\n")));
  EXPECT_FALSE(directory_.inUse()) << "such a key is taken";
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(directory_.replace(kSigningPair, base::asBytes(first.key), first.certificate));
    ASSERT_TRUE(directory_.moveAside());
  }
  std::size_t keys = 0;
  for (const auto& one : fs::directory_iterator(directory_.file("old")))
    if (read(one.path()) == first.key) ++keys;
  EXPECT_EQ(keys, 4U);
}

TEST_F(Directory, RemembersWhoseEnrolmentIsUnderWay) {
  EXPECT_EQ(*directory_.enrolling(), "");
  ASSERT_TRUE(directory_.beginEnrolment("alice"));
  EXPECT_EQ(*directory_.enrolling(), "alice");
  ASSERT_TRUE(directory_.endEnrolment());
  EXPECT_EQ(*directory_.enrolling(), "");
}

TEST_F(Directory, ADamagedKeyIsNotReplaced) {
  ASSERT_TRUE(directory_.writeSecret("key.pem", base::asBytes("garbage\n")));
  EXPECT_FALSE(directory_.keyOrNew("key.pem", kms::pki::KeyKind::EcdsaP256));
  EXPECT_EQ(text("key.pem"), "garbage\n");
}

TEST_F(Directory, KeepsLinksWhereThereAreAny) {
  EXPECT_TRUE(directory_.links().empty());
  EXPECT_TRUE(directory_.keepLinks({}));
  EXPECT_FALSE(directory_.has("links.pem"));
  const auto link = *kms::pki::parsePemCertificates(pair().certificate + pair().certificate);
  EXPECT_TRUE(directory_.keepLinks(link));
  EXPECT_EQ(directory_.links(), (std::vector{link[0].der, link[1].der}));
  EXPECT_TRUE(directory_.inUse());
  EXPECT_TRUE(directory_.moveAside());
  EXPECT_TRUE(fs::exists(directory_.file("old/none-links.pem")));
  EXPECT_TRUE(directory_.keepLinks(link));
  EXPECT_TRUE(directory_.keepLinks({}));
  EXPECT_FALSE(directory_.has("links.pem"));
}

}  // namespace
}  // namespace tests
