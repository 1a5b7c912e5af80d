// The encryption of what moves a user: CMS AuthEnvelopedData (RFC 5083, 5084) with AES-256-GCM, for one
// recipient: RSA (OAEP with SHA-256) or ECDSA keys (ECDH with an ephemeral key, RFC 5753). `openssl cms
// -decrypt` opens it.
#pragma once

#include "kms/pki/user_package.h"

namespace kms::pki {

// A ContentInfo, DER. Errors: Invalid (no certificate, or its key cannot encrypt); Internal.
base::Result<base::Bytes> sealFor(base::BytesView recipient, base::BytesView plain);
// Errors: Invalid (no such envelope, another's, altered); Unavailable (no locked memory).
base::Result<base::SecretBuffer> openEnvelope(base::BytesView envelope, base::BytesView recipient,
                                              const PrivateKey& key);

}  // namespace kms::pki
