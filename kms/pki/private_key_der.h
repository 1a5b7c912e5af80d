// PKCS#8 of private keys (RFC 5958, 5915, 8017, 8410), written and read without leaving them in memory that
// is not locked: OpenSSL's own encoders do. Internal to PrivateKey.
#pragma once

#include "kms/pki/key.h"

namespace kms::pki {

// Errors: Internal.
base::Result<base::Bytes> encodePublicKey(evp_pkey_st* key, KeyKind kind);  // SubjectPublicKeyInfo
base::Result<base::SecretBuffer> writePkcs8(evp_pkey_st* key, KeyKind kind);
// The key is the caller's to free. Errors: Corrupt; Unavailable.
base::Result<evp_pkey_st*> readPkcs8(base::BytesView der, KeyKind& kind);

}  // namespace kms::pki
