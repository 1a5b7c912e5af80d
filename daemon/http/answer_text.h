// The text of an answer's header, written by hand into the buffer that is sent. Inside daemon/http only.
#pragma once

#include <string_view>

#include "daemon/http/message.h"

namespace kmsd::http {

struct AnswerForm {
  bool old = false;  // to HTTP/1.0
  bool keepAlive = true;
};

// Appends status line and header, the empty line included. A header of the response that would break the
// line is left out. Throws std::bad_alloc.
void appendHeader(base::SecretText& out, const Response& response, AnswerForm form);

// For where no memory can be had to make one.
inline constexpr std::string_view kNoMemoryAnswer =
    "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

}  // namespace kmsd::http
