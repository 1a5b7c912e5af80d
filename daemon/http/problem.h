// Problem documents: how every error looks on the wire. Source: RFC 9457.
#pragma once

#include <string_view>

#include "daemon/http/message.h"
#include "hal/base/result.h"

namespace kmsd::http {

// {"type": "about:blank", "title", "status", "code", "detail"}. `code` is stable; `detail` is for people and
// holds no secret.
Response problem(int status, std::string_view code, std::string_view detail);
// Status and code from daemon/reasons.h, with the headers that the status asks for: WWW-Authenticate on 401,
// Retry-After on 503.
Response problem(const base::Error& error);
// The same for OAuth clients: {"error", "error_description"}. Source: RFC 6749, section 5.2; RFC 6750,
// section 3.1; RFC 7009, section 2.2.1.
Response oauthProblem(const base::Error& error);
Response oauthProblem(int status, std::string_view code, std::string_view description);

std::string_view statusTitle(int status) noexcept;

}  // namespace kmsd::http
