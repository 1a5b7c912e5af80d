// The one part of HTTP that the load generator must read: where an answer ends, and whether it is the right
// one. Source: RFC 9112.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace tests::bench {

struct Answer {
  unsigned status = 0;
  std::string_view body;  // within the text that was read
  std::size_t size = 0;   // bytes of head and body
  bool closes = false;    // the server ends the connection behind it
};

// Nothing where more bytes are needed. An answer with no Content-Length, or that is no HTTP, has status 0.
std::optional<Answer> readAnswer(std::string_view text);

}  // namespace tests::bench
