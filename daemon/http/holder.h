// Holder: who has shown, by a TLS client certificate of this server's authority or by a proof of its key on
// the Unix socket, that a key is his. Inside daemon/http only.
#pragma once

#include "daemon/http/routes.h"
#include "kms/pki/certificate_service.h"

namespace kmsd::http {

// The certificate, which counts now. Errors: Denied / CertificateRefused (none was shown, another
// authority's, or one that does not count); as CertificateService::authenticate.
base::Result<kms::pki::CertificateView> holderOf(const Call& call);

}  // namespace kmsd::http
