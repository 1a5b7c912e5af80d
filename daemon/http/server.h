// Server: HTTP/1.1 with keep-alive on Unix sockets, over TLS, and in clear. One thread a core; connections
// are coroutines; the handler sees whole requests only. Slow, silent and oversized clients are dropped
// without troubling the others.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>

#include "daemon/http/message.h"
#include "daemon/http/tls.h"
#include "daemon/http/tls_fault.h"
#include "hal/base/result.h"

namespace kmsd::http {

struct ServerOptions {
  std::size_t bodyMost = 64 * 1024;              // bytes
  std::size_t headerMost = 16 * 1024;            // bytes
  std::size_t connectionsMost = 12'000;          // further ones are answered 503 and closed
  std::size_t connectionsForRoot = 32;           // of these; kept for root, so that it can always seal
  std::size_t connectionsOverTcp = 10'500;       // of these; so that users of this host always have some
  std::size_t connectionsOfOneUser = 1'024;      // of these, over Unix sockets; root has no such limit
  std::size_t connectionsOfOneAddress = 10'500;  // of these, over TCP; a load balancer is one address
  std::chrono::seconds requestTimeout{10};       // from the first byte of a request to its last; for a TLS
                                                 // handshake; for a client to take its answer
  std::chrono::seconds idleTimeout{75};          // between requests
  std::chrono::seconds stopTimeout{10};          // for requests under way at a graceful stop
  unsigned threads = 0;                          // 0: one a core
  // Asked for each connection over a Unix socket, on one thread: whether this process is never served. Then
  // it is closed without an answer.
  std::function<bool(pid_t pid)> shunned = {};
  // Told of each TLS handshake that failed, but for those that the server's stop ended; on any thread, and
  // must not wait. `from`: the address of the client.
  std::function<void(const TlsFailure& failure, const std::string& from)> handshakeFailed = {};
};

class Server {
 public:
  Server(ServerOptions options, Handler handler);
  ~Server();
  // Errors: Conflict / AddressInUse (a live server listens there; a dead one's socket is replaced); Denied;
  // Invalid (path over 107 bytes).
  base::Result<void> listenUnix(const std::filesystem::path& path);
  // REQUIRES: setTls() before the first Https one. `host`: a name or an address; every address it has is
  // listened on. Returns the port, which the system chooses for port 0. Errors: Conflict / AddressInUse;
  // Denied; Invalid (no such host).
  base::Result<std::uint16_t> listenTcp(const std::string& host, std::uint16_t port, Transport transport);
  // For connections from now on. Any thread. Those that have shown a client certificate finish, so that what
  // the new files no longer admit is out.
  void setTls(std::shared_ptr<const TlsContext> context);
  // What setTls() was given last; null: nothing. Any thread.
  std::shared_ptr<const TlsContext> tls() const;
  // How many connections there are now. Any thread.
  std::size_t connections(Transport transport) const;
  // Raises the soft limit of open files to the hard one, because each connection takes one.
  void start();
  // Calls `answer` when each thread has come to it, in its turn: for a watchdog. Any thread; between start()
  // and stop().
  void ask(std::function<void()> answer);
  // Stops accepting, lets requests under way end, returns when all is closed.
  void stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kmsd::http
