// What OAuth clients send: form bodies and HTTP Basic. Pure, bounded functions; what they read may be secret,
// so it stays in locked memory.
//
//   form  := [pair *("&" pair)]      pair := name ["=" value]     '+' is a blank, %HH a byte
//   basic := base64(user ":" token)
//
// Source: RFC 6749, appendix B; RFC 7617, section 2; RFC 4648, section 4.
#pragma once

#include <string>
#include <string_view>

#include "hal/base/result.h"
#include "hal/base/secret_pool.h"

namespace kmsd::http {

inline constexpr std::size_t kFormFieldsMost = 32;

// The parameters of introspection (RFC 7662, section 2.1) and of revocation (RFC 7009, section 2.1).
struct TokenForm {
  base::SecretText token;
  std::string tokenTypeHint;  // empty where there is none
};

// Strict: a broken escape, NUL, text that is no UTF-8 or a name given twice is refused (RFC 6749,
// section 3.2). Unknown names are ignored, and a name without a value counts as absent, as that section asks.
// Errors: Invalid (never tells a value); Unavailable (no locked memory).
base::Result<TokenForm> parseTokenForm(std::string_view body);

struct BasicCredentials {
  std::string user;  // may hold colons; a token holds none
  base::SecretText token;
};

// `encoded`: what stands behind "Basic ". The user is taken as it stands, as RFC 7617 has it. Errors: Denied
// / Unauthenticated; Unavailable (no locked memory).
base::Result<BasicCredentials> parseBasic(std::string_view encoded);

}  // namespace kmsd::http
