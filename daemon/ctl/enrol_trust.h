// Whose the server is, found out before a token is sent to it.
#pragma once

#include "daemon/ctl/remote.h"
#include "kms/pki/certificate.h"

namespace kmsd::ctl {

struct KnownAuthority {
  std::vector<kms::pki::Certificate> certificates;  // the authority's first
  bool untrusted = false;  // the server's TLS certificate was not checked yet: it must be this authority's
};

// A fingerprint as people give it, with colons and capitals, as base::toHex writes it.
std::string plainFingerprint(std::string text);

// By --ca-sha256 where it is given, which may be of an earlier key that vouches for the one of today; else by
// CMP under the token, which is not sent. A server on https whose TLS certificate nobody vouches for yet may
// be asked, too. `plain`: the token's 12 characters. Errors: Denied / Forbidden (not the authority of
// --ca-sha256), as askAuthority and Remote::connect.
base::Result<KnownAuthority> knowAuthority(const Parsed& parsed, const Access& access,
                                           const std::string& user, std::string_view plain);

// Connects as `access` says. Where nobody vouches for the server, no --ca was given, and the file
// `authority` is there, that one is trusted; `access` then says so. Errors: as Remote::connect.
base::Result<Remote> connectTrusting(Access& access, const std::filesystem::path& authority);

}  // namespace kmsd::ctl
