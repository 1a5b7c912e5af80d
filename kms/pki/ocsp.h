// OCSP (RFC 6960, with the nonces of RFC 8954): strangers' requests, and answers signed by a delegated
// signer.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "kms/pki/crl.h"

namespace kms::pki {

inline constexpr std::size_t kMostOcspQuestions = 16;
inline constexpr std::size_t kMostOcspNonce = 32;  // bytes

// Which certificate is asked about (CertID).
struct OcspQuestion {
  base::Bytes certId;            // DER, for the answer
  std::string_view hash{};       // oid::kSha1 or oid::kSha256; empty: another, which nobody answers
  base::Bytes issuerName;        // hash of the issuer's name
  base::Bytes issuerKey;         // hash of its key
  std::optional<Serial> serial;  // where it has the form of one of ours
};

struct OcspQuery {
  std::vector<OcspQuestion> questions;  // 1 to kMostOcspQuestions
  base::Bytes nonce;                    // empty: none
};

// Signatures of requests are not looked at. Pure and bounded. Errors: Invalid (answer Malformed).
base::Result<OcspQuery> parseOcspQuery(base::BytesView der);

// Whether the question is about a certificate of this issuer.
bool isAbout(const OcspQuestion& question, const Certificate& issuer, const PublicKey& key);
// What most programs ask with: the CertID of a certificate of this issuer. `hash`: oid::kSha1 or
// oid::kSha256.
base::Bytes ocspCertId(std::string_view hash, const Certificate& issuer, const PublicKey& key,
                       const Serial& serial);

enum class OcspState : std::uint8_t { Good, Revoked, Unknown };
struct OcspAnswer {
  OcspState state = OcspState::Unknown;
  base::Time revokedAt{};
  RevocationReason reason = RevocationReason::Unspecified;
};

// An answer without a body (OCSPResponseStatus).
enum class OcspRefusal : std::uint8_t { Malformed = 1, Internal = 2, TryLater = 3, Unauthorized = 6 };
base::Bytes ocspRefusal(OcspRefusal why);

// `signer`: with a certificate of the profile Ocsp, which is sent along. REQUIRES: an answer for each
// question. Errors: Internal.
base::Result<base::Bytes> signOcspResponse(const Issuer& signer, const OcspQuery& query,
                                           const std::vector<OcspAnswer>& answers, CrlTimes times);
// Its parts: what the signer's key signs, and what is sent with that signature. REQUIRES: an answer for each
// question.
base::Bytes ocspResponseData(const PublicKey& signer, const OcspQuery& query,
                             const std::vector<OcspAnswer>& answers, CrlTimes times);
base::Bytes ocspResponse(base::BytesView data, base::BytesView algorithm, base::BytesView signature,
                         base::BytesView certificate);

}  // namespace kms::pki
