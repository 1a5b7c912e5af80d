// Listening TCP sockets.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "daemon/http/door.h"
#include "hal/base/fd.h"
#include "hal/base/result.h"

namespace kmsd::http {

class TcpListener final : public Listener {
 public:
  explicit TcpListener(base::Fd fd) noexcept : fd_(std::move(fd)) {}
  int fd() const noexcept override { return fd_.get(); }

 private:
  base::Fd fd_;
};

// "ADDRESS:PORT" of the other end, an IPv6 address in brackets; empty where it is not known.
std::string peerAddress(int socket);

struct TcpListeners {
  std::vector<std::unique_ptr<TcpListener>> sockets;
  std::uint16_t port = 0;
};

// One for each address of `host`, a name or an address; all on the same port, which the system chooses for
// port 0. Errors: Conflict / AddressInUse; Denied; Invalid (no such host); Io.
base::Result<TcpListeners> listenTcp(const std::string& host, std::uint16_t port);

}  // namespace kmsd::http
