// Server: HTTP/1.1 with keep-alive on Unix sockets, over TLS, and in clear. One thread a core; connections
// are coroutines; the handler sees whole requests only. Slow, silent and oversized clients are dropped
// without troubling the others.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>

#include "daemon/http/message.h"
#include "daemon/http/tls.h"
#include "hal/base/result.h"

namespace kmsd::http {

struct ServerOptions {
  std::size_t bodyMost = 64 * 1024;         // bytes
  std::size_t headerMost = 16 * 1024;       // bytes
  std::size_t connectionsMost = 1024;       // further ones are answered 503 and closed
  std::size_t connectionsForRoot = 32;      // of these; kept for root, so that it can always seal
  std::size_t connectionsOfOneUser = 256;   // of these; root has no such limit
  std::chrono::seconds requestTimeout{10};  // from the first byte of a request to its last
  std::chrono::seconds idleTimeout{75};     // between requests
  std::chrono::seconds stopTimeout{10};     // for requests under way at a graceful stop
  unsigned threads = 0;                     // 0: one a core
};

class Server {
 public:
  Server(ServerOptions options, Handler handler);
  ~Server();
  // Errors: Conflict / AddressInUse (a live server listens there; a dead one's socket is replaced); Denied;
  // Invalid (path over 107 bytes).
  base::Result<void> listenUnix(const std::filesystem::path& path);
  // REQUIRES: setTls() before the first Https one. `host`: a name or an address; every address it has is
  // listened on. Errors: Conflict / AddressInUse; Denied; Invalid (no such host).
  base::Result<void> listenTcp(const std::string& host, std::uint16_t port, Transport transport);
  // For connections from now on. Any thread. Those that have shown a client certificate finish, so that what
  // the new files no longer admit is out.
  void setTls(std::shared_ptr<const TlsContext> context);
  void start();
  // Stops accepting, lets requests under way end, returns when all is closed.
  void stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kmsd::http
