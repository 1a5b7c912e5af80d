// The answer bodies of the routes for certificates. All throw std::bad_alloc where the text is above
// SecretPool::kLargest bytes, which only lists can be.
#pragma once

#include "hal/base/secret_pool.h"
#include "kms/pki/certificate_service.h"
#include "kms/pki/status_service.h"

namespace kmsd::http {

// With the time `now`, because an active certificate whose end has passed is shown as "expired".
base::SecretText certificateJson(const kms::pki::CertificateView& view, base::Time now);
base::SecretText certificatesJson(const kms::Page<kms::pki::CertificateView>& page, base::Time now);
// What enrolment, issuing and renewal answer: the certificate, its chain, the links to the authorities
// before, and until when it must be confirmed.
base::SecretText issuedCertificateJson(const kms::pki::IssuedCertificate& issued);
// The same with the private key, PKCS#8 in PEM.
base::SecretText keyPairJson(const kms::pki::KeyPair& pair);
// Several, without links.
base::SecretText keyPairsJson(const kms::Page<kms::pki::KeyPair>& page);
base::SecretText confirmedJson(const kms::pki::Serial& serial, bool accepted);
// The authority and, in "older", those before it; the current one first; `list`: its last CRL, null where
// there is none. "sha256" is of its own certificate, whoever signed that; "chain" goes from there to the
// root, and "links" to those of the older ones that have a "certificate". REQUIRES: there is one.
base::Result<base::SecretText> authorityJson(const std::vector<kms::pki::PublishedAuthority>& all,
                                             const kms::pki::PublishedList* list, base::Time now);
// {"request"}: PKCS#10 in PEM.
base::SecretText authorityRequestJson(base::BytesView request);

}  // namespace kmsd::http
