// Who asks: known from the kernel on a Unix socket, from a client certificate over TLS, or from an access
// token or the proof of a certificate's key, which decide alone.
#pragma once

#include "daemon/http/routes.h"

namespace kmsd::http {

// Nobody, with Role::None, where the caller is not known to this server. root, the daemon's own user and the
// group of administrators count on a Unix socket only. While the server is sealed (`open` is false) they are
// all who can be known. `basic`: HTTP Basic counts too: a user's name and that user's access token.
// Errors: Denied / Unauthenticated; as TokenService::authenticate.
base::Result<kms::Actor> callerOf(const Api& api, const Request& request, bool open, bool basic);
// The request shows something that only an open server can judge.
bool showsCredentials(const Request& request) noexcept;

// Whether the body is of this type, whatever its parameters.
bool isOfType(const Request& request, std::string_view wanted) noexcept;

// ASCII letters count alike in both cases. `start` is in small letters.
bool startsWithoutCase(std::string_view text, std::string_view start) noexcept;

}  // namespace kmsd::http
