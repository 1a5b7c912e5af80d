// Asking by CMP (RFC 4210) who the authority is: only who knows the token can answer under it.
#pragma once

#include <string_view>
#include <vector>

#include "daemon/ctl/remote.h"
#include "kms/pki/certificate.h"

namespace kmsd::ctl {

// The authority's certificate and those above it, from an answer whose MAC the token has made: genm of
// id-it-caCerts (RFC 9480). The token is not sent. `plain`: its 12 characters. Errors: Denied /
// TokenRefused (no such answer); as Remote::send; what a problem document says.
base::Result<std::vector<kms::pki::Certificate>> askAuthority(Remote& remote, const std::string& user,
                                                              std::string_view plain);

}  // namespace kmsd::ctl
