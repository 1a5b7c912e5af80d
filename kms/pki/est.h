// The bodies of EST (RFC 7030, RFC 8951): certs-only PKCS#7 and PKCS#10 in base64. Pure functions.
#pragma once

#include "hal/base/secret_pool.h"
#include "kms/pki/request.h"

namespace kms::pki {

// certs-only SignedData (RFC 5652) of these certificates, DER. Errors: Internal.
base::Result<base::Bytes> certsOnly(const std::vector<base::Bytes>& certificates);
// One line: strongSwan takes no breaks.
std::string estBody(base::BytesView der);
// base64 with any blanks and line breaks, as clients send it, whatever Content-Transfer-Encoding says.
// Errors: as parseRequest.
base::Result<CertificateRequest> parseEstRequest(base::BytesView body);
// CsrAttrs (RFC 7030, section 4.5.2): which keys and signatures are welcome.
base::Bytes csrAttributes();
// multipart/mixed of RFC 7030, section 4.4.2: the PKCS#8 key, then the certificate. The boundary is in
// `contentType`.
struct ServerKeygenBody {
  std::string contentType;
  base::SecretText body;
};
base::Result<ServerKeygenBody> serverKeygenBody(base::BytesView pkcs8,
                                                const std::vector<base::Bytes>& certificates,
                                                base::BytesView boundary);

}  // namespace kms::pki
