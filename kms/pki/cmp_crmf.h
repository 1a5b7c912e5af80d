// What CMP's bodies ask for: certificate requests (CRMF, RFC 4211), revocations and confirmations (RFC 4210,
// sections 5.3.9 and 5.3.18). Strangers' bytes. All is pure and bounded; what is refused fills `why`.
#pragma once

#include <optional>

#include "kms/pki/cmp_status.h"
#include "kms/pki/crl.h"
#include "kms/pki/request.h"

namespace kms::pki {

// A certificate by issuer and serial number (CertId).
struct CertId {
  base::BytesView issuer;  // Name
  base::BytesView serial;  // content of the INTEGER
};

// The one request of ir, cr or kur. Views point into what was read.
struct CrmfRequest {
  CertificateRequest request;
  base::BytesView id;         // content of certReqId
  bool validity = false;      // it asks for times of its own
  std::optional<CertId> old;  // oldCertId: which certificate a key update renews
};
// `content`: of the body. The requested key's signature over the CertRequest is checked; other proofs of
// possession are refused.
std::optional<CrmfRequest> parseCrmf(base::BytesView content, CmpRefusal& why);

struct RevocationAsked {
  CertId certificate;
  RevocationReason reason = RevocationReason::Unspecified;
};
std::optional<RevocationAsked> parseRevocation(base::BytesView content, CmpRefusal& why);

struct CertConf {
  base::BytesView hash;
  const char* digest = nullptr;  // of hashAlg; null: that of the certificate's signature
  bool accepted = true;
};
std::optional<CertConf> parseCertConf(base::BytesView content, CmpRefusal& why);

// The digest that certHash is made with, by OpenSSL's name: that of the certificate's signature, SHA-512 for
// Ed25519 (RFC 9481, section 3.3). Null: an algorithm that is not ours.
const char* confirmationDigest(base::BytesView certificate) noexcept;

}  // namespace kms::pki
