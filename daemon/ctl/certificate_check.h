// What a client makes sure of before it keeps what a server issued.
#pragma once

#include <vector>

#include "kms/pki/certificate.h"
#include "kms/pki/key.h"
#include "kms/pki/profile.h"

namespace kmsd::ctl {

// That the certificate is of this key, may be used for what its profile is for and is no authority's, and
// leads to one of `trusted`, by way of `between` where needed; signatures and times are checked. Errors:
// Invalid (which of it is not so).
base::Result<void> checkIssued(const kms::pki::Certificate& certificate,
                               const std::vector<kms::pki::Certificate>& trusted,
                               const std::vector<kms::pki::Certificate>& between,
                               const kms::pki::PublicKey& key, kms::pki::Profile profile);

// Whether `next`, an authority that signed itself, has the place of `known`: links (RFC 4210, section 4.4)
// lead from its key to that one.
bool vouchesFor(const kms::pki::Certificate& known, const kms::pki::Certificate& next,
                const std::vector<kms::pki::Certificate>& links);

}  // namespace kmsd::ctl
