// Wire: bytes over a non-blocking socket, in clear or under TLS. One interface, so that a session is one
// piece of code whatever lies below it. A wire never waits: it says what to wait for. For one thread at a
// time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "daemon/http/message.h"
#include "daemon/http/tls_fault.h"
#include "hal/base/fd.h"

struct ssl_st;

namespace kmsd::http {

class TlsContext;

enum class Move : std::uint8_t {
  Done,
  WantRead,   // again when the descriptor can be read
  WantWrite,  // again when it can be written
  Closed,     // by the other end
  Failed
};

struct Moved {
  Move state = Move::Failed;
  std::size_t bytes = 0;  // of Done: at least one
};

class Wire {
 public:
  virtual ~Wire() = default;

  int fd() const noexcept { return fd_.get(); }
  // To be called until it is Done, before anything else. In clear it is at once.
  virtual Move handshake() = 0;
  virtual Moved readSome(std::span<char> to) = 0;
  // REQUIRES: after WantRead or WantWrite the same bytes come again, at whatever address.
  virtual Moved writeSome(std::span<const char> from) = 0;
  // False where a read would surely have to wait for the descriptor.
  virtual bool mayHaveMore() const noexcept = 0;
  // Tells the other end that nothing more comes. It can still be read.
  virtual void endWriting() noexcept = 0;
  // What the other end has shown in the handshake; nothing in clear.
  virtual std::optional<ClientCertificate> certificate() const = 0;
  // Ends it in order, where `orderly`; otherwise what has not been sent yet is dropped. Twice does no harm.
  virtual void close(bool orderly) noexcept = 0;
  virtual bool secure() const noexcept = 0;
  // Why TLS failed; nothing in clear, and where it did not.
  virtual TlsFailure failure() const { return {}; }

 protected:
  explicit Wire(base::Fd fd) noexcept : fd_(std::move(fd)) {}
  base::Fd fd_;
};

std::unique_ptr<Wire> plainWire(base::Fd fd);

// The client's end. Takes the connection over. Throws std::bad_alloc.
std::unique_ptr<Wire> tlsWire(base::Fd fd, ssl_st* connection);
// The server's end. It costs memory from the first handshake() on, which may throw std::bad_alloc.
std::unique_ptr<Wire> tlsWire(base::Fd fd, std::shared_ptr<const TlsContext> context);

// Lets the kernel drop unsent bytes at close, so that a client that reads nothing binds no memory.
void dropUnsent(int fd) noexcept;

}  // namespace kmsd::http
