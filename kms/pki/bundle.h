// PKCS#12 (RFC 7292): a private key with its certificate and chain, as mail programs and browsers import it.
#pragma once

#include <string_view>

#include "hal/base/secret_pool.h"
#include "kms/pki/certificate.h"

namespace kms::pki {

struct BundleEntry {
  base::BytesView key;          // PKCS#8
  base::BytesView certificate;  // DER
  std::string name;             // friendlyName
};

// AES-256-CBC with PBKDF2-HMAC-SHA256 and a MAC of SHA-256. Errors: Invalid (no entry, a key that is not the
// certificate's, an empty password); Internal.
base::Result<base::SecretBuffer> makeBundle(const std::vector<BundleEntry>& entries,
                                            const std::vector<base::Bytes>& chain, std::string_view password);

}  // namespace kms::pki
