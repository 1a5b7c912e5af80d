// OCSP (RFC 6960, nonces of RFC 8954): requests of strangers, answers signed by a delegated signer.
#pragma once

#include "kms/pki/crl.h"

namespace kms::pki {

struct OcspQuestion {
  base::Bytes certId;      // DER, given back as it came
  base::Bytes serial;      // without leading zeros
  base::Bytes issuerName;  // hash of the issuer's name
  base::Bytes issuerKey;   // hash of its key
  int hash = 0;            // OpenSSL's NID: SHA-1 or SHA-256
};

struct OcspQuery {
  std::vector<OcspQuestion> questions;  // 1 to 16
  base::Bytes nonce;                    // 1 to 32 bytes; empty: none
};

// Pure and bounded. Errors: Invalid (malformedRequest).
base::Result<OcspQuery> parseOcspQuery(base::BytesView der);

enum class OcspState : std::uint8_t { Good, Revoked, Unknown };
struct OcspAnswer {
  OcspState state = OcspState::Unknown;
  std::optional<Revocation> revocation;
};

// OCSPResponseStatus without a body, for what is not answered.
enum class OcspRefusal : std::uint8_t { Malformed = 1, Internal = 2, TryLater = 3, Unauthorized = 6 };
base::Bytes ocspRefusal(OcspRefusal why);

// Whether the question is about certificates of this issuer.
bool isAbout(const OcspQuestion& question, const Certificate& issuer);

// `signer`: a certificate of profile Ocsp, sent along. `answers`: one for each question. Errors: Internal.
base::Result<base::Bytes> signOcspResponse(const Issuer& signer, const OcspQuery& query,
                                           const std::vector<OcspAnswer>& answers, CrlTimes times);

}  // namespace kms::pki
