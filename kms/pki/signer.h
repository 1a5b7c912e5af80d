// Signing certificates (RFC 5280).
#pragma once

#include "hal/base/rng.h"
#include "kms/pki/certificate.h"
#include "kms/pki/profile.h"
#include "kms/pki/subject.h"

namespace kms::pki {

// Where relying programs find what; empty ones are left out of certificates. "{ca}" in them stands for the
// number of the authority that signs: each has a list and a certificate of its own.
struct Addresses {
  std::vector<std::string> crl;  // of CRLDistributionPoints
  std::string ocsp;              // of AuthorityInfoAccess
  std::string authority;         // the same, of the CA's certificate
};
Addresses numbered(Addresses where, std::int64_t authority);
// Whether certificates of two authorities would name the same list or certificate; then only one can be found
// there. OCSP tells authorities apart by itself.
bool lacksNumber(const Addresses& where) noexcept;

// An authority that can sign: its certificate and its key.
struct Issuer {
  Certificate certificate;
  PrivateKey key;
};
// What AuthorityKeyIdentifier says in all that it signs: as its certificate has it, for a parent may have
// named it otherwise than we do.
base::BytesView identifierOf(const Issuer& issuer) noexcept;

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
// The same for the next key of an authority that has this name (DER).
base::Result<base::Bytes> signAuthority(const PrivateKey& key, base::BytesView name, const Serial& serial,
                                        base::Time from, std::chrono::seconds life);
// A link between an authority's old and new key (RFC 4210, section 4.4): the key of `other`, an authority of
// the same name as `issuer`, signed by that; until the first of both ends. Errors: as signCertificate;
// Invalid (another name).
base::Result<base::Bytes> signLink(const Issuer& issuer, const Issuer& other, const Serial& serial,
                                   base::Time from, const Addresses& where);
// For another authority to sign: PKCS#10 with CA:TRUE.
base::Result<base::Bytes> requestAuthority(const PrivateKey& key, const Subject& subject);

// The plainest PKCS#10: this key, and no wishes. Errors: Internal.
base::Result<base::Bytes> requestCertificate(const PrivateKey& key);

// SEQUENCE { content, algorithm, signature }, as certificates, requests, CRLs and OCSP answers are. Errors:
// Internal.
base::Result<base::Bytes> signContent(const PrivateKey& key, base::BytesView content);

}  // namespace kms::pki
