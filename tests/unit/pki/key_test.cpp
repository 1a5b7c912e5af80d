#include "kms/pki/key.h"

#include <openssl/crypto.h>

#include "kms/pki/der.h"
#include "kms/pki/digest.h"
#include "kms/pki/oids.h"
#include "tests/unit/pki/tools.h"

namespace tests {
namespace {

using namespace kms::pki;

constexpr KeyKind kAll[] = {KeyKind::EcdsaP256, KeyKind::EcdsaP384, KeyKind::Rsa2048,
                            KeyKind::Rsa3072,   KeyKind::Rsa4096,   KeyKind::Ed25519};

class KeyTest : public Tools, public ::testing::WithParamInterface<KeyKind> {};
INSTANTIATE_TEST_SUITE_P(Kinds, KeyTest, ::testing::ValuesIn(kAll), kindOf);

TEST_P(KeyTest, IsReadByOpensslAndComesBack) {
  const auto key = PrivateKey::generate(GetParam());
  ASSERT_TRUE(key) << errorOf(key);
  const auto der = key->encode();
  ASSERT_TRUE(der) << errorOf(der);
  put("key.der", der->bytes());
  EXPECT_NE(openssl({"pkey", "-inform", "DER", "-in", "@key.der", "-check", "-noout"}).find("Key is valid"),
            std::string::npos);
  // OpenSSL writes the same bytes: the form is the canonical one.
  openssl({"pkcs8", "-topk8", "-nocrypt", "-inform", "DER", "-in", "@key.der", "-outform", "DER", "-out",
           "@again.der"});
  EXPECT_EQ(base::toHex(get("again.der")), base::toHex(der->bytes()));
  openssl({"pkey", "-inform", "DER", "-in", "@key.der", "-pubout", "-outform", "DER", "-out", "@public.der"});
  EXPECT_EQ(base::toHex(get("public.der")), base::toHex(key->publicKey().spki()));
  EXPECT_EQ(base::toHex(key->publicKey().hash()), base::toHex(sha256(get("public.der"))));

  const auto back = PrivateKey::parse(der->bytes());
  ASSERT_TRUE(back) << errorOf(back);
  EXPECT_EQ(back->kind(), GetParam());
  EXPECT_EQ(back->publicKey().hash(), key->publicKey().hash());
  const auto again = back->encode();
  ASSERT_TRUE(again);
  EXPECT_EQ(base::toHex(again->bytes()), base::toHex(der->bytes()));
}

TEST_P(KeyTest, SignsWhatOpensslVerifies) {
  const auto key = PrivateKey::generate(GetParam());
  ASSERT_TRUE(key);
  const auto message = base::asBytes("a message");
  const auto signature = key->sign(message);
  ASSERT_TRUE(signature) << errorOf(signature);
  EXPECT_EQ(errorOf(key->publicKey().verify(key->algorithm(), message, *signature)), "");
  EXPECT_NE(errorOf(key->publicKey().verify(key->algorithm(), base::asBytes("another"), *signature)), "");
  put("public.der", key->publicKey().spki());
  put("message", message);
  put("signature", *signature);
  openssl({"pkey", "-pubin", "-inform", "DER", "-in", "@public.der", "-out", "@public.pem"});
  if (GetParam() == KeyKind::Ed25519) {
    openssl({"pkeyutl", "-verify", "-pubin", "-inkey", "@public.pem", "-rawin", "-in", "@message", "-sigfile",
             "@signature"});
  } else {
    openssl({"dgst", GetParam() == KeyKind::EcdsaP384 ? "-sha384" : "-sha256", "-verify", "@public.pem",
             "-signature", "@signature", "@message"});
  }
}

TEST_P(KeyTest, EveryDamageIsFound) {
  const auto key = PrivateKey::generate(GetParam());
  ASSERT_TRUE(key);
  const auto der = key->encode();
  ASSERT_TRUE(der);
  const auto whole = der->bytes();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto cut = PrivateKey::parse(whole.first(size));
    ASSERT_FALSE(cut) << size;
    EXPECT_EQ(cut.error().code, base::Code::Corrupt);
  }
  base::Bytes longer(whole.begin(), whole.end());
  longer.push_back(std::byte{0});
  EXPECT_FALSE(PrivateKey::parse(longer));
}

TEST(Key, NamesGoBothWays) {
  for (const KeyKind kind : kAll) EXPECT_EQ(parseKeyKind(keyKindName(kind)), kind);
  EXPECT_EQ(keyKindName(KeyKind::EcdsaP256), "ecdsa-p256");
  EXPECT_FALSE(parseKeyKind("ecdsa-p521"));
  EXPECT_FALSE(PrivateKey::generate(static_cast<KeyKind>(99)));
}

TEST(Key, EcdsaWithAnothersPublicKeyIsRefused) {
  const auto a = PrivateKey::generate(KeyKind::EcdsaP256);
  const auto b = PrivateKey::generate(KeyKind::EcdsaP256);
  const auto der = a->encode();
  base::Bytes mixed(der->bytes().begin(), der->bytes().end());
  const auto other = b->publicKey().spki().last(65);
  std::copy(other.begin(), other.end(), mixed.end() - 65);
  EXPECT_FALSE(PrivateKey::parse(mixed));
}

TEST(Key, NumbersLieInTheSecureHeap) {
  ASSERT_TRUE(CRYPTO_secure_malloc_initialized() == 1 || CRYPTO_secure_malloc_init(65536, 32) != 0);
  ASSERT_TRUE(
      PrivateKey::generate(KeyKind::EcdsaP256));  // OpenSSL keeps its random generator there, from now on
  for (const KeyKind kind : {KeyKind::EcdsaP256, KeyKind::EcdsaP384}) {
    const std::size_t before = CRYPTO_secure_used();
    {
      auto key = PrivateKey::generate(kind);
      ASSERT_TRUE(key);
      const std::size_t made = CRYPTO_secure_used();
      EXPECT_GT(made, before);
      const auto der = key->encode();
      ASSERT_TRUE(der);
      const auto back = PrivateKey::parse(der->bytes());
      ASSERT_TRUE(back);
      EXPECT_GT(CRYPTO_secure_used(), made);
    }
    EXPECT_EQ(CRYPTO_secure_used(), before) << keyKindName(kind);
  }
}

class ForeignKeyTest : public Tools {
 protected:
  base::Result<PrivateKey> privateOf(std::vector<std::string> options) {
    options.insert(options.begin(), "genpkey");
    options.insert(options.end(), {"-outform", "DER", "-out", "@key.der"});
    openssl(options);
    openssl({"pkcs8", "-topk8", "-nocrypt", "-inform", "DER", "-in", "@key.der", "-outform", "DER", "-out",
             "@pkcs8.der"});
    return PrivateKey::parse(get("pkcs8.der"));
  }
  base::Result<PublicKey> publicOf(std::vector<std::string> options, std::vector<std::string> form = {}) {
    options.insert(options.begin(), "genpkey");
    options.insert(options.end(), {"-out", "@key.pem"});
    openssl(options);
    std::vector<std::string> show{"pkey",     "-in", "@key.pem", "-pubout",
                                  "-outform", "DER", "-out",     "@public.der"};
    show.insert(show.end(), form.begin(), form.end());
    openssl(show);
    return PublicKey::parse(get("public.der"));
  }
  void refused(const base::Result<PublicKey>& key, const std::string& why) {
    ASSERT_FALSE(key) << why;
    EXPECT_EQ(key.error().code, base::Code::Invalid);
    EXPECT_NE(key.error().what.find(why), std::string::npos) << key.error().what;
  }
};

TEST_F(ForeignKeyTest, PrivateKeysOfOpensslAreRead) {
  EXPECT_EQ(errorOf(privateOf({"-algorithm", "ED25519"})), "");
  EXPECT_EQ(errorOf(privateOf({"-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"})), "");
  EXPECT_EQ(errorOf(privateOf({"-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"})), "");
  EXPECT_NE(errorOf(privateOf({"-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"})), "");
  EXPECT_NE(errorOf(privateOf({"-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"})), "");
  EXPECT_NE(errorOf(privateOf({"-algorithm", "X25519"})), "");
}

TEST_F(ForeignKeyTest, GoodPublicKeysAreTaken) {
  for (const char* curve : {"P-256", "P-384", "P-521"}) {
    const auto key = publicOf({"-algorithm", "EC", "-pkeyopt", std::string("ec_paramgen_curve:") + curve});
    ASSERT_TRUE(key) << curve << errorOf(key);
    EXPECT_TRUE(key->canEncrypt());
    EXPECT_FALSE(key->isRsa());
  }
  const auto rsa =
      publicOf({"-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-pkeyopt", "rsa_keygen_pubexp:3"});
  ASSERT_TRUE(rsa) << errorOf(rsa);
  EXPECT_TRUE(rsa->isRsa());
  const auto edwards = publicOf({"-algorithm", "ED25519"});
  ASSERT_TRUE(edwards);
  EXPECT_FALSE(edwards->canEncrypt());
}

TEST_F(ForeignKeyTest, WeakAndOddPublicKeysAreRefused) {
  refused(publicOf({"-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"}), "has 1024");
  refused(publicOf({"-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2047"}), "has 2047");
  refused(publicOf({"-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048"}), "kind");
  refused(publicOf({"-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"}), "curve");
  refused(publicOf({"-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-224"}), "curve");
  refused(publicOf({"-algorithm", "X25519"}), "kind");
  const std::vector<std::string> p256{"-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"};
  refused(publicOf(p256, {"-ec_param_enc", "explicit"}), "name its curve");
  refused(publicOf(p256, {"-ec_conv_form", "compressed"}), "uncompressed");
}

base::Bytes rsaKey(base::Bytes modulus, base::BytesView exponent) {
  Der key;
  key.sequence([&] {
    key.natural(modulus);
    key.natural(exponent);
  });
  Der der;
  der.sequence([&] {
    der.sequence([&] {
      der.oid(oid::kRsa);
      der.null();
    });
    der.bits(key.view());
  });
  return std::move(der).take();
}

TEST_F(ForeignKeyTest, RsaNumbersAreLookedAt) {
  base::Bytes modulus(256, std::byte{0xC5});
  const auto three = base::asBytes("\x03");
  EXPECT_TRUE(PublicKey::parse(rsaKey(modulus, three)));
  refused(PublicKey::parse(rsaKey(modulus, base::asBytes("\x04"))), "odd");
  refused(PublicKey::parse(rsaKey(modulus, base::asBytes("\x01"))), "odd");
  refused(PublicKey::parse(rsaKey(modulus, {})), "odd");
  refused(PublicKey::parse(rsaKey(modulus, base::asBytes("123456789"))), "odd");
  refused(PublicKey::parse(rsaKey(base::Bytes(1025, std::byte{0xC5}), three)), "8200");
  modulus.back() = std::byte{0xC4};
  refused(PublicKey::parse(rsaKey(modulus, three)), "even");
}

TEST_F(ForeignKeyTest, EveryByteOfAPublicKeyCounts) {
  const auto key = PrivateKey::generate(KeyKind::EcdsaP256);
  const auto spki = key->publicKey().spki();
  base::Bytes der(spki.begin(), spki.end());
  for (std::size_t i = 0; i < der.size(); ++i) {
    der[i] ^= std::byte{1};
    const auto changed = PublicKey::parse(der);
    // A point's x with another bit is on the curve half the time, but never with the same y.
    EXPECT_FALSE(changed) << i;
    der[i] ^= std::byte{1};
    EXPECT_FALSE(PublicKey::parse(base::BytesView(der).first(i))) << i;
  }
  der.push_back(std::byte{0});
  EXPECT_FALSE(PublicKey::parse(der));
}

TEST(EdwardsKey, ForWhichEverybodyCanSignIsRefused) {
  const auto keyOf = [](base::BytesView point) {
    Der der;
    der.sequence([&] {
      der.sequence([&] { der.oid(std::string_view("\x2B\x65\x70")); });
      der.bits(point);
    });
    return PublicKey::parse(der.view());
  };
  const auto good = PrivateKey::generate(KeyKind::Ed25519);
  EXPECT_TRUE(PublicKey::parse(good->publicKey().spki()));
  // 1 as the y of the point: its signature of everything is 1 and 0.
  base::Bytes low(32);
  for (const auto& [first, between, last] :
       {std::array{0, 0, 0}, {1, 0, 0}, {0xEC, 0xFF, 0x7F}, {0xED, 0xFF, 0x7F}, {0xEE, 0xFF, 0x7F}}) {
    low.assign(32, static_cast<std::byte>(between));
    low.front() = static_cast<std::byte>(first);
    for (const int sign : {0, 0x80}) {
      low.back() = static_cast<std::byte>(last | sign);
      const auto key = keyOf(low);
      ASSERT_FALSE(key) << first;
      EXPECT_NE(key.error().what.find("everybody"), std::string::npos) << key.error().what;
    }
  }
  for (const char* eighth : {"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
                             "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
                             "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
                             "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa"}) {
    base::Bytes point;
    for (std::size_t i = 0; i < 64; i += 2)
      point.push_back(static_cast<std::byte>(std::stoi(std::string(eighth + i, 2), nullptr, 16)));
    EXPECT_FALSE(keyOf(point)) << eighth;
  }
}

TEST(Signature, ForeignAndMismatchedAlgorithmsAreRefused) {
  const auto key = PrivateKey::generate(KeyKind::EcdsaP256);
  const auto edwards = PrivateKey::generate(KeyKind::Ed25519);
  const auto message = base::asBytes("a message");
  const auto signature = key->sign(message);
  ASSERT_TRUE(signature);
  EXPECT_NE(errorOf(key->publicKey().verify(edwards->algorithm(), message, *signature)).find("not the key's"),
            std::string::npos);
  Der sha1;  // ecdsa-with-SHA1
  sha1.sequence([&] { sha1.oid(std::string_view("\x2A\x86\x48\xCE\x3D\x04\x01")); });
  EXPECT_NE(errorOf(key->publicKey().verify(sha1.view(), message, *signature)).find("SHA-256"),
            std::string::npos);
  EXPECT_NE(errorOf(key->publicKey().verify({}, message, *signature)), "");
}

}  // namespace
}  // namespace tests
