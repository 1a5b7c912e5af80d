// The protection of CMP messages (RFC 4210, section 5.1.3; RFC 9481): PasswordBasedMac, and signatures.
#pragma once

#include <string_view>

#include "kms/keys/open_keys.h"
#include "kms/pki/certificate.h"
#include "kms/pki/cmp_message.h"

namespace kms::pki {

inline constexpr std::uint64_t kLeastIterations = 100;     // fewer protect no secret (RFC 4211, section 4.4)
inline constexpr std::uint64_t kMostIterations = 100'000;  // more would keep the server busy

// PBMParameter := SEQUENCE { salt OCTET STRING, owf, iterationCount INTEGER, mac }. Views point into it.
struct Pbm {
  base::BytesView salt;
  base::BytesView owf;  // AlgorithmIdentifier
  std::uint64_t iterations = 0;
  base::BytesView mac;  // AlgorithmIdentifier
  const char* owfDigest = nullptr;
  const char* macDigest = nullptr;
};

bool isPbm(base::BytesView algorithm) noexcept;
// SHA-1, SHA-256, SHA-384 or SHA-512 and HMAC with one of them, a salt of 8 to 64 bytes. Pure and bounded.
// Errors: Invalid, naming what is not taken.
base::Result<Pbm> parsePbm(base::BytesView algorithm);
// The same algorithm with another salt: an AlgorithmIdentifier.
base::Bytes writePbm(const Pbm& pbm, base::BytesView salt);

// The key that `iterations` make of secret and salt. Errors: Internal.
base::Result<SecretBytes> pbmKey(const Pbm& pbm, base::BytesView salt, std::string_view secret);
// HMAC with a digest by OpenSSL's name. Errors: Internal.
base::Result<base::Bytes> hmac(const char* digest, base::BytesView key, base::BytesView data);
base::Result<base::Bytes> digestOf(const char* digest, base::BytesView data);

// The certificate among extraCerts whose key identifier is senderKID; empty: none.
base::BytesView signerOf(const CmpMessage& message);
// Whether the message is signed by the key of `certificate`. Errors: Invalid.
base::Result<void> checkSignature(const CmpMessage& message, base::BytesView certificate);

}  // namespace kms::pki
