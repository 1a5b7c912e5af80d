#include "kms/pki/key.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <algorithm>

#include "kms/pki/private_key_der.h"

namespace kms::pki {
namespace {

struct Kind {
  KeyKind kind;
  std::string_view name;
  const char* type;   // OpenSSL's
  const char* group;  // of ECDSA
  int bits;           // of RSA
};
constexpr Kind kKinds[] = {{KeyKind::EcdsaP256, "ecdsa-p256", "EC", "P-256", 0},
                           {KeyKind::EcdsaP384, "ecdsa-p384", "EC", "P-384", 0},
                           {KeyKind::Rsa2048, "rsa-2048", "RSA", nullptr, 2048},
                           {KeyKind::Rsa3072, "rsa-3072", "RSA", nullptr, 3072},
                           {KeyKind::Rsa4096, "rsa-4096", "RSA", nullptr, 4096},
                           {KeyKind::Ed25519, "ed25519", "ED25519", nullptr, 0}};

using Context = std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)>;

const Kind* kindRow(KeyKind kind) {
  return std::find_if(std::begin(kKinds), std::end(kKinds),
                      [&](const Kind& row) { return row.kind == kind; });
}

}  // namespace

std::string_view keyKindName(KeyKind kind) noexcept {
  const auto* const row = kindRow(kind);
  return row == std::end(kKinds) ? "unknown" : row->name;
}

std::optional<KeyKind> parseKeyKind(std::string_view name) noexcept {
  const auto* const row = std::find_if(std::begin(kKinds), std::end(kKinds),
                                       [&](const Kind& known) { return known.name == name; });
  if (row == std::end(kKinds)) return std::nullopt;
  return row->kind;
}

void PrivateKey::Free::operator()(evp_pkey_st* key) const noexcept { EVP_PKEY_free(key); }

base::Result<PrivateKey> PrivateKey::generate(KeyKind kind) {
  const auto* const row = kindRow(kind);
  if (row == std::end(kKinds)) return base::Error{base::Code::Internal, "there is no such kind of key"};
  const Context context(EVP_PKEY_CTX_new_from_name(nullptr, row->type, nullptr), EVP_PKEY_CTX_free);
  EVP_PKEY* made = nullptr;
  const bool good = context && EVP_PKEY_keygen_init(context.get()) == 1 &&
                    (row->group == nullptr || EVP_PKEY_CTX_set_group_name(context.get(), row->group) == 1) &&
                    (row->bits == 0 || EVP_PKEY_CTX_set_rsa_keygen_bits(context.get(), row->bits) == 1) &&
                    EVP_PKEY_generate(context.get(), &made) == 1;
  std::unique_ptr<evp_pkey_st, Free> key(made);
  ERR_clear_error();
  if (!good || !key)
    return base::Error{base::Code::Unavailable,
                       "a key cannot be made: OpenSSL has no locked memory or no randomness left"};
  auto spki = encodePublicKey(key.get(), kind);
  if (!spki) return std::move(spki).error();
  auto publicKey = PublicKey::parse(*spki);
  if (!publicKey) return std::move(publicKey).error();
  return PrivateKey(std::move(key), kind, *std::move(publicKey));
}

base::Result<PrivateKey> PrivateKey::parse(base::BytesView pkcs8) {
  KeyKind kind{};
  auto read = readPkcs8(pkcs8, kind);
  if (!read) return std::move(read).error();
  std::unique_ptr<evp_pkey_st, Free> key(*read);
  auto spki = encodePublicKey(key.get(), kind);
  if (!spki) return std::move(spki).error();
  auto publicKey = PublicKey::parse(*spki);
  if (!publicKey) return base::Error{base::Code::Corrupt, publicKey.error().what};
  return PrivateKey(std::move(key), kind, *std::move(publicKey));
}

base::Result<base::SecretBuffer> PrivateKey::encode() const { return writePkcs8(raw(), kind_); }

}  // namespace kms::pki
