// The worked examples of kms/FORMATS.md, byte for byte.
#include <gtest/gtest.h>

#include "hal/base/base32.h"
#include "hal/base/crc32.h"
#include "hal/base/rfc3339.h"
#include "kms/keys/epochs.h"
#include "kms/keys/former_root.h"
#include "kms/keys/key_use.h"
#include "kms/keys/keyring.h"
#include "kms/keys/row_cipher.h"
#include "kms/keys/slot.h"
#include "tests/unit/keys/fixture.h"
#include "tests/unit/keys/worked_examples.h"

namespace {

using base::asBytes;
using base::toHex;
using tests::Example;
using tests::fromHex;
using tests::workedExample;

base::Uuid uuidOf(const std::string& hex) {
  return base::Uuid::fromBytes(fromHex(hex)).value_or(base::Uuid());
}

// Gives out the bytes that an example names, in order.
class GivenRng final : public base::Rng {
 public:
  explicit GivenRng(const std::string& hex) : bytes_(fromHex(hex)) {}
  void fill(std::span<std::byte> out) override {
    for (std::byte& b : out) b = bytes_.at(at_++);
  }

 private:
  base::Bytes bytes_;
  std::size_t at_ = 0;
};

base::MasterKey masterOf(const std::string& hex) {
  const base::Bytes bytes = fromHex(hex);
  return *base::MasterKey::fromBytes(std::span<const std::byte, 8>(bytes));
}

TEST(Formats, DerivedKeys) {
  Example x = workedExample("derived keys");
  const auto derived = [&](kms::KeyUse use) {
    return toHex(kms::deriveKey(fromHex(x["root"]), {}, use, uuidOf(x["server"]))->bytes());
  };
  EXPECT_EQ(derived(kms::KeyUse::RecordSeal), x["record-seal"]);
  EXPECT_EQ(derived(kms::KeyUse::Audit), x["audit"]);
}

TEST(Formats, SlotOfASplitKey) {
  Example x = workedExample("slot of a split key");
  kms::SlotHeader header;
  header.cost.logN = static_cast<std::uint8_t>(std::stoul(x["logN"]));
  header.share.threshold = static_cast<std::uint8_t>(std::stoul(x["threshold"]));
  header.share.total = static_cast<std::uint8_t>(std::stoul(x["total"]));
  header.server = uuidOf(x["server"]);
  header.medium = uuidOf(x["medium"]);
  header.created = *base::parseTime(x["created"]);
  header.label = x["label"];
  const base::Bytes salt = fromHex(x["salt"]);
  std::copy(salt.begin(), salt.end(), header.salt.begin());
  EXPECT_EQ(toHex(*kms::encodeSlotHeader(header)), x["header"]);
  EXPECT_EQ(kms::parseSlotHeader(fromHex(x["header"]))->share, header.share);
}

void checkSlot(const std::string& name) {
  Example x = workedExample(name);
  kms::SlotHeader header;
  header.passphrase = x.contains("passphrase");
  header.cost.logN = static_cast<std::uint8_t>(std::stoul(x["logN"]));
  header.server = uuidOf(x["server"]);
  header.medium = uuidOf(x["medium"]);
  header.created = *base::parseTime(x["created"]);
  header.label = x["label"];
  const auto phrase = tests::secret(x["passphrase"]);
  GivenRng rng(x["salt"] + x["nonce"]);
  const auto row = kms::wrapRoot(header, masterOf(x["master"]), &phrase, fromHex(x["root"]), rng);
  ASSERT_TRUE(row) << row.error().what;
  EXPECT_EQ(toHex(row->header), x["header"]);
  EXPECT_EQ(toHex(row->wrapped), x["wrapped"]);
  kms::SlotRow written;
  written.header = fromHex(x["header"]);
  written.wrapped = fromHex(x["wrapped"]);
  const auto root = kms::unwrapRoot(written, masterOf(x["master"]), &phrase);
  ASSERT_TRUE(root) << root.error().what;
  EXPECT_EQ(toHex(root->bytes()), x["root"]);

  base::Bytes password = fromHex(x["master"] + (header.passphrase ? "01" : "00"));
  for (const char c : x["passphrase"]) password.push_back(static_cast<std::byte>(c));
  EXPECT_EQ(toHex(kms::scrypt(password, fromHex(x["salt"]), header.cost.logN, 8, 1)->bytes()), x["slot key"]);
}

TEST(Formats, Slot) { checkSlot("slot"); }
TEST(Formats, SlotWithPassphrase) { checkSlot("slot with passphrase"); }

// The epoch of the example as the second one of a real database.
TEST(Formats, EpochAndRow) {
  Example e = workedExample("epoch");
  Example x = workedExample("row");
  const tests::Founded f;
  auto epochs = kms::Epochs::create(fromHex(e["root"]), 1, uuidOf(e["server"]));
  ASSERT_TRUE(epochs);
  std::int64_t id = 0;
  f.write([&](kms::Txn& txn) -> base::Result<void> {
    GivenRng rng(e["salt"]);
    auto begun = epochs->begin(txn, rng);
    if (!begun) return std::move(begun).error();
    id = *begun;
    return {};
  });
  EXPECT_EQ(toHex(epochs->rowKey(id)->bytes()), e["row key"]);
  ASSERT_EQ(e["row key"], x["row key"]);

  kms::RowCipher cipher(*epochs);
  const auto table = static_cast<kms::Table>(std::stoul(x["table"]));
  const auto row = cipher.seal(id, std::stoull(x["counter"]), table, std::stoll(x["key"]),
                               static_cast<std::uint32_t>(std::stoul(x["revision"])), asBytes(x["plain"]));
  ASSERT_TRUE(row);
  EXPECT_EQ(toHex(row->sealed), x["sealed"]);
  // The nonce and the associated data as written are the ones that were used.
  auto gcm = kms::Gcm::create(fromHex(x["row key"]));
  base::Bytes plain(x["plain"].size());
  EXPECT_TRUE(gcm->open(fromHex(x["row nonce"]), fromHex(x["aad"]), fromHex(x["sealed"]), plain));
  EXPECT_EQ(base::asText(plain), x["plain"]);
}

TEST(Formats, Keyring) {
  Example x = workedExample("keyring");
  GivenRng rng(x["token-mac"] + x["accessor key"] + x["index-mac"]);
  kms::Keyring keyring;
  keyring.push_back(*kms::KeyGeneration::make(static_cast<std::uint32_t>(std::stoul(x["generation"])),
                                              *base::parseTime(x["created"]), rng));
  EXPECT_EQ(toHex(keyring[0].encoded()), x["plain"]);
  auto cipher = kms::KeyringCipher::create(keyring);
  ASSERT_TRUE(cipher);
  EXPECT_EQ(toHex(cipher->tokenMac(asBytes(x["token"]))), x["token mac"]);
  EXPECT_EQ(toHex(cipher->indexMac(kms::Index::UserName, asBytes(x["name"]))), x["name mac"]);

  Example a = workedExample("accessor");
  ASSERT_EQ(a["accessor key"], x["accessor key"]);
  EXPECT_EQ(cipher->accessor(std::stoll(a["sequence"])), a["accessor"]);
  EXPECT_EQ(cipher->sequenceOf(a["accessor"]), std::stoll(a["sequence"]));
  EXPECT_EQ(base::encodeBase32(fromHex(a["block"])), a["accessor"]);
}

TEST(Formats, LaterKeyring) {
  Example x = workedExample("later keyring");
  EXPECT_EQ(x["before"], workedExample("keyring")["plain"]);
  const auto before = kms::KeyGeneration::parse(fromHex(x["before"]));
  ASSERT_TRUE(before);
  // The third key that is drawn gives way to the one before.
  GivenRng rng(x["token-mac"] + x["accessor key"] + x["token-mac"]);
  const auto later =
      kms::KeyGeneration::next(*before, std::stoll(x["first sequence"]), *base::parseTime(x["created"]), rng);
  ASSERT_TRUE(later);
  EXPECT_EQ(toHex(later->encoded()), x["plain"]);
  const auto read = kms::KeyGeneration::parse(fromHex(x["plain"]));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->generation(), 2U);
  EXPECT_EQ(read->firstSequence(), std::stoll(x["first sequence"]));
}

TEST(Formats, FormerRootKey) {
  Example x = workedExample("former root key");
  kms::FormerRoot root;
  root.generation = static_cast<std::uint32_t>(std::stoul(x["generation"]));
  root.audit = *base::SecretBuffer::copyOf(fromHex(x["audit"]));
  root.seal = *base::SecretBuffer::copyOf(fromHex(x["record-seal"]));
  EXPECT_EQ(toHex(root.encode()->bytes()), x["left"]);
  root.seal.clear();
  EXPECT_EQ(toHex(root.encode()->bytes()), x["done"]);
  const auto read = kms::FormerRoot::parse(fromHex(x["left"]));
  ASSERT_TRUE(read);
  EXPECT_EQ(toHex(read->seal.bytes()), x["record-seal"]);
  for (std::size_t size = 0; size < kms::FormerRoot::kEncoded; ++size)
    EXPECT_FALSE(kms::FormerRoot::parse(base::BytesView(fromHex(x["left"])).first(size)));
}

TEST(Formats, SerialNumber) {
  Example x = workedExample("serial");
  Example ring = workedExample("keyring");
  ASSERT_EQ(x["accessor key"], ring["accessor key"]);
  EXPECT_EQ(toHex(kms::hkdf(fromHex(x["accessor key"]), {}, asBytes("keydisk/1/serial"))->bytes()),
            x["serial key"]);
  kms::Keyring keyring;
  keyring.push_back(*kms::KeyGeneration::parse(fromHex(ring["plain"])));
  auto cipher = kms::KeyringCipher::create(keyring);
  ASSERT_TRUE(cipher);
  GivenRng rng(x["random"]);
  const kms::SerialNumber serial = cipher->serial(std::stoll(x["sequence"]), rng);
  EXPECT_EQ(toHex(serial), x["serial"]);
  EXPECT_EQ(cipher->sequencesOf(serial), std::vector<std::int64_t>{std::stoll(x["sequence"])});
}

// Taken apart by hand here; tests/unit/tokens has the code that makes it.
TEST(Formats, AccessToken) {
  Example x = workedExample("access token");
  const std::string& token = x["token"];
  ASSERT_EQ(token.size(), 58U);
  ASSERT_TRUE(token.starts_with("kms_"));
  base::Bytes body;
  unsigned held = 0;
  unsigned bits = 0;
  for (const char c : token.substr(4, 48)) {
    const auto value =
        std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_").find(c);
    ASSERT_NE(value, std::string_view::npos);
    held = (held << 6U | static_cast<unsigned>(value)) & 0xFFFFU;
    if ((bits += 6) >= 8) body.push_back(static_cast<std::byte>(held >> (bits -= 8)));
  }
  ASSERT_EQ(body.size(), 36U);
  EXPECT_EQ(base::encodeBase32(base::BytesView(body).first(16)), x["accessor"]);
  EXPECT_EQ(toHex(base::BytesView(body).subspan(16)), x["random"]);
  const std::uint32_t crc = base::crc32(asBytes(token.substr(0, 52)));
  for (unsigned i = 0; i < 6; ++i) EXPECT_EQ(token[52 + i], base::base32Digit(crc >> (25 - 5 * i) & 31U));
}

}  // namespace
