// The certificate authority of a server that is being made.
#pragma once

#include <filesystem>
#include <string>

#include "hal/base/uuid.h"
#include "kms/keys/founding.h"
#include "kms/pki/authority_make.h"

namespace kmsd {

// Opens the new database with the key of `slot`, makes the authority, and closes it again; an RSA key takes
// seconds. Its certificate also goes into `directory`. Gives the certificate's SHA-256 in hexadecimal
// digits. Errors: as Vault::unseal and kms::pki::createAuthority.
base::Result<std::string> makeFirstAuthority(kms::Store& store, const base::Uuid& server,
                                             const kms::NewSlot& slot, const kms::pki::AuthorityPlan& plan,
                                             const std::filesystem::path& directory);

}  // namespace kmsd
