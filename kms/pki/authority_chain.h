// What a parent authority has signed for a key of ours.
#pragma once

#include <vector>

#include "kms/pki/certificate.h"

namespace kms::pki {

struct AuthorityChain {
  Certificate own;
  std::vector<base::Bytes> above;  // DER, from its issuer to the root
};

// Finds the certificate of the key `own` among `given`, whose order does not count, and its way up to a
// self-signed one, which must be among them too; others are left out. Checked are: that it may sign
// certificates and CRLs (basicConstraints, keyUsage), its names and sizes; of the whole way at `now`:
// signatures of 112 bits of strength at least, times, path lengths, critical extensions (RFC 5280, section
// 6). Errors: Invalid, naming what is wrong.
base::Result<AuthorityChain> checkAuthorityChain(const std::vector<Certificate>& given, const KeyHash& own,
                                                 base::Time now);

}  // namespace kms::pki
