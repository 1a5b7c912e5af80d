#include "daemon/http/core.h"

#include <sys/socket.h>

#include <algorithm>
#include <string_view>
#include <thread>

#include "daemon/http/tcp_socket.h"
#include "daemon/http/tls.h"
#include "daemon/http/wire.h"

namespace kmsd::http {
namespace {

constexpr std::size_t kBeside = 4096;  // bytes read at once beyond the largest header

// In clear, as the client asked; a few bytes fit the empty buffer of its socket.
void sayHttps(int socket) noexcept {
  static constexpr std::string_view kText =
      "HTTP/1.1 400 Bad Request\r\nContent-Type: application/problem+json\r\nConnection: close\r\n"
      "Content-Length: 147\r\n\r\n"
      "{\"type\":\"about:blank\",\"title\":\"Bad Request\",\"status\":400,\"code\":\"tls_required\","
      "\"detail\":\"this port speaks https; begin the address with https://\"}\n";
  static_assert(kText.size() - kText.find("{") == 147);
  static_cast<void>(::send(socket, kText.data(), kText.size(), MSG_NOSIGNAL | MSG_DONTWAIT));
}

}  // namespace

Core::Core(const ServerOptions& wanted, Handler serving)
    : options(wanted), handler(std::move(serving)), places_(options) {
  const unsigned count = options.threads != 0 ? options.threads : std::thread::hardware_concurrency();
  for (unsigned i = 0; i < std::max(1U, count); ++i)
    loops.push_back(std::make_unique<Loop>(options.headerMost + kBeside));
}

Core::~Core() = default;

bool Core::enter(const Holder& holder, Transport transport) {
  const std::lock_guard lock(mutex_);
  if (finishing_ || !places_.take(holder)) return false;
  ++inside_;
  ++over_[static_cast<std::size_t>(transport)];
  return true;
}

void Core::leave(const Holder& holder, Transport transport) noexcept {
  const std::lock_guard lock(mutex_);
  places_.give(holder);
  --over_[static_cast<std::size_t>(transport)];
  if (--inside_ == 0) changed_.notify_all();
}

std::size_t Core::connections(Transport transport) const {
  const std::lock_guard lock(mutex_);
  return over_[static_cast<std::size_t>(transport)];
}

bool Core::handshakeFailed(const Wire& wire) const {
  TlsFailure failure = wire.failure();
  if (failure.fault == TlsFault::None) failure = {TlsFault::TimedOut, 0, {}};
  if (failure.fault == TlsFault::PlainHttp) sayHttps(wire.fd());
  if (options.handshakeFailed) options.handshakeFailed(failure, peerAddress(wire.fd()));
  return false;
}

void Core::tellAll(void (Connection::*what)()) {
  for (const auto& loop : loops) {
    loop->post(
        [at = loop.get(), what] { at->forEach([what](Connection& connection) { (connection.*what)(); }); });
  }
}

void Core::finish() {
  {
    const std::lock_guard lock(mutex_);
    finishing_ = true;
  }
  tellAll(&Connection::finish);
}

bool Core::waitUntilEmpty(base::Deadline by) {
  std::unique_lock lock(mutex_);
  return changed_.wait_until(lock, by.at(), [&] { return inside_ == 0; });
}

std::shared_ptr<const TlsContext> Core::tls() const {
  const std::lock_guard lock(mutex_);
  return tls_;
}

void Core::setTls(std::shared_ptr<const TlsContext> context) {
  {
    const std::lock_guard lock(mutex_);
    tls_.swap(context);
  }
  // A connection takes the context on its own thread, so one that took the old one is there when it is told.
  tellAll(&Connection::tlsChanged);
}

}  // namespace kmsd::http
