// The client's end of a connection. Inside daemon/http only.
#pragma once

#include "daemon/http/client.h"
#include "daemon/http/wire.h"

namespace kmsd::http {

// As Client::connectUnix and Client::connectTls.
base::Result<std::unique_ptr<Wire>> unixClientWire(const std::filesystem::path& path, base::Deadline by);
base::Result<std::unique_ptr<Wire>> tlsClientWire(const std::string& host, std::uint16_t port,
                                                  const TlsTrust& trust, base::Deadline by);

// Where the other end said that it does not take the certificate which was, or was not, shown to it. Denied /
// Unauthenticated.
std::optional<base::Error> certificateRefused(const TlsFailure& failure);

// Waits until the descriptor is ready for it. False at the deadline, and once `stop` is readable (-1: never).
bool waitFor(int fd, Move want, base::Deadline by, int stop = -1);

}  // namespace kmsd::http
