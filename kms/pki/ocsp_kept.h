// The file of OCSP answers that are served while the server is sealed (kms/FORMATS.md, section 16): what was
// told of each certificate, until when, and the signature over that. The answers themselves are made of it.
//
// file   := "kd-ocsp" version{1}=1 mark{8} revocation{8} signers{2} signer* answers{4} answer* sha256{32}
// signer := authority certificate algorithm          each a length{4} and DER
// answer := serial{16} hash{1} signer{2} state{1} revokedAt{8} reason{1} made{8} life{4} length{2} signature
//
// Answers stand by rising serial number and hash, none twice; integers are little-endian, times in seconds.
#pragma once

#include "kms/pki/ocsp.h"

namespace kms::pki {

inline constexpr std::size_t kMostKeptFile = std::size_t{64} << 20U;  // bytes
inline constexpr std::size_t kMostKeptAnswers = 65'536;
inline constexpr std::size_t kMostKeptSigners = 1024;

// With which the asker named the issuer; the numbers stand in the file.
enum class KeptHash : std::uint8_t { Sha1 = 1, Sha256 = 2 };
std::string_view oidOf(KeptHash hash) noexcept;

struct KeptSigner {
  base::Bytes authority;    // certificate of the authority that is asked about
  base::Bytes certificate;  // of its OCSP signer
  base::Bytes algorithm;    // AlgorithmIdentifier of what that signs
  bool operator==(const KeptSigner&) const = default;
};

struct KeptAnswer {
  Serial serial{};
  KeptHash hash = KeptHash::Sha1;
  std::uint16_t signer = 0;  // its place in KeptAnswers::signers
  OcspAnswer answer;         // Good or Revoked
  base::Time made{};         // thisUpdate
  std::chrono::seconds life{};
  base::Bytes signature;

  base::Time until() const { return made + life; }
};

struct KeptAnswers {
  std::int64_t mark = 0;        // the store has the same where this is the newest file
  std::int64_t revocation = 0;  // number of the last revocation or release that they tell of
  std::vector<KeptSigner> signers;
  std::vector<KeptAnswer> answers;  // rising

  // Null: there is none.
  const KeptAnswer* find(const Serial& serial, KeptHash hash) const noexcept;
};

// REQUIRES: within the bounds above, in order.
base::Bytes encodeKept(const KeptAnswers& kept);
// Pure and bounded. Errors: Corrupt.
base::Result<KeptAnswers> parseKept(base::BytesView file);

}  // namespace kms::pki
