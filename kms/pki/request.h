// Certification requests (PKCS#10, RFC 2986): a stranger's bytes.
#pragma once

#include "kms/pki/key.h"
#include "kms/pki/subject.h"

namespace kms::pki {

// What the client wrote into the request. It asks; the user's row decides.
struct CertificateRequest {
  PublicKey key;
  base::Bytes subject;  // Name, DER
  std::vector<std::string> commonNames{};
  std::vector<std::string> mails{};  // of the subject and of the subject alternative name
  std::vector<std::string> dns{};
  // Addresses, URIs, user ids or names of another kind. Those that say only where somebody is (country,
  // place, unit ...) do not count.
  bool otherNames = false;
  std::vector<std::string> organisations{};
};

// The key's signature over the request is checked. Pure and bounded.
// Errors: Invalid: no PKCS#10, trailing bytes, over kMostDer; a bad signature; a key that PublicKey refuses;
// an extension that asks for more than a user's certificate has (CA:TRUE, certificate or CRL signing, OCSP
// signing).
base::Result<CertificateRequest> parseRequest(base::BytesView der);
// Its two halves: all but the signature, and the signature of what the first half has read.
base::Result<CertificateRequest> readRequest(base::BytesView der);
base::Result<void> checkProof(base::BytesView der, const PublicKey& key);
// PEM ("CERTIFICATE REQUEST" or "NEW CERTIFICATE REQUEST") or DER.
base::Result<CertificateRequest> parseRequestText(base::BytesView text);

// For requests of another form (CRMF): reads `request.subject` and these Extensions (DER; empty: none) into
// the fields above, by the same rules. Errors: Invalid.
base::Result<void> readAsked(base::BytesView extensions, CertificateRequest& request);

// Whether all that is asked for is the user's. An empty subject asks for nothing; a common name may be the
// user's mail address or one of his DNS names too. Capitals do not count. Errors: Denied, naming the foreign
// name.
base::Result<void> checkNames(const CertificateRequest& request, const Subject& user);

}  // namespace kms::pki
