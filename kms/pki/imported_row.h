// Certificates that came with a user from another server. Each is a row as any other, whose serial number is
// one of ours, so that it can be named here, and whose certificate is the foreign one. It is revoked from the
// start, ends before it begins, is on no CRL, and leads to the key in the archive.
#pragma once

#include "kms/pki/certificate_row.h"

namespace kms::pki {

inline bool isImported(const CertificateRow& row) noexcept { return row.authority == 0 && row.user != 0; }

}  // namespace kms::pki
