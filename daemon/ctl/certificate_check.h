// What a client makes sure of before it trusts what a server issued.
#pragma once

#include <vector>

#include "kms/pki/certificate.h"
#include "kms/pki/key.h"

namespace kmsd::ctl {

// That the certificate is of this key and leads through `chain` to its first certificate, signatures and
// times checked. Errors: Invalid (which of it is not so).
base::Result<void> checkIssued(base::BytesView certificate, const std::vector<kms::pki::Certificate>& chain,
                               const kms::pki::PublicKey& key);

}  // namespace kmsd::ctl
