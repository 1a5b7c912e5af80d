// RequestParser: bytes in, one HTTP/1.1 request out. Bounded, and whatever it keeps that may hold a token
// lies in locked, wiped memory. Source: RFC 9110 and RFC 9112. Inside daemon/http only.
#pragma once

#include <memory>
#include <span>

#include "daemon/http/message.h"
#include "daemon/http/server.h"

namespace kmsd::http {

class RequestParser {
 public:
  enum class State : std::uint8_t {
    More,    // of the bytes that it did not use, and those behind them
    Done,    // take() has the request
    Refused  // refusal() says why; where the next request starts is not known
  };
  struct Fed {
    State state = State::More;
    std::size_t used = 0;  // bytes
  };

  // `options` outlives it.
  explicit RequestParser(const ServerOptions& options);
  ~RequestParser();

  // `bytes` begin with those that the last call did not use. REQUIRES: the last one said More.
  // Throws std::bad_alloc.
  Fed put(std::span<const char> bytes);
  // The client waits for "100 Continue" before it sends the body. True once.
  bool awaitsContinue() noexcept;

  // As far as the header got.
  bool head() const noexcept;       // the method is HEAD
  bool old() const noexcept;        // HTTP/1.0
  bool keepAlive() const noexcept;  // REQUIRES: Done.
  Response refusal();               // REQUIRES: Refused.
  // Without transport, peer and certificate. Nothing where the target is not a path. REQUIRES: Done.
  std::optional<Request> take();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kmsd::http
