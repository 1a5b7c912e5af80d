// Signing certificates (RFC 5280).
#pragma once

#include "hal/base/rng.h"
#include "kms/pki/certificate.h"
#include "kms/pki/profile.h"
#include "kms/pki/subject.h"

namespace kms::pki {

// Where relying programs find what; empty ones are left out of certificates.
struct Addresses {
  std::vector<std::string> crl;  // of CRLDistributionPoints
  std::string ocsp;              // of AuthorityInfoAccess
  std::string authority;         // the same, of the CA's certificate
};

// An authority that can sign: its certificate and its key.
struct Issuer {
  Certificate certificate;
  PrivateKey key;
};

struct CertificateOrder {
  Profile profile = Profile::Signing;
  Subject subject;
  const PublicKey* key = nullptr;  // not owned
  Serial serial{};
  base::Time notBefore{};
  base::Time notAfter{};  // cut to the issuer's own end
};

Serial newSerial(base::Rng& rng);

// Of profile Authority: one that may not sign further authorities. Errors: Invalid (checkSubject; notAfter
// not behind notBefore, or a year before 1950 or after 9999; the issuer has ended; an encryption certificate
// for a key that cannot; a server without a DNS name or address); Internal (also a serial that goodSerial
// refuses).
base::Result<base::Bytes> signCertificate(const Issuer& issuer, const CertificateOrder& order,
                                          const Addresses& where);

// A self-signed authority. `life` about 10 years. Errors: as signCertificate.
base::Result<base::Bytes> signAuthority(const PrivateKey& key, const Subject& subject, const Serial& serial,
                                        base::Time from, std::chrono::seconds life);
// For another authority to sign: PKCS#10 with CA:TRUE.
base::Result<base::Bytes> requestAuthority(const PrivateKey& key, const Subject& subject);

// The plainest PKCS#10: this key, and no wishes. Errors: Internal.
base::Result<base::Bytes> requestCertificate(const PrivateKey& key);

// SEQUENCE { content, algorithm, signature }, as certificates, requests, CRLs and OCSP answers are. Errors:
// Internal.
base::Result<base::Bytes> signContent(const PrivateKey& key, base::BytesView content);

}  // namespace kms::pki
