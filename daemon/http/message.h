// HTTP messages as values: what the routes and kmsctl see of HTTP. Bodies may hold tokens, so they are
// SecretText.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "hal/base/clock.h"
#include "hal/base/secret_pool.h"

namespace kmsd::http {

// The other end of a Unix socket (SO_PEERCRED, SO_PEERGROUPS).
struct Peer {
  uid_t uid = static_cast<uid_t>(-1);
  std::vector<gid_t> groups;  // the primary one included
  pid_t pid = 0;              // of the process that connected; it may have ended since
};

enum class Transport : std::uint8_t {
  Unix,   // who asks is known to the kernel
  Https,  // TLS over TCP
  Http    // in clear over TCP: only what is public
};

// A client certificate that TLS has verified against the authority for clients.
struct ClientCertificate {
  std::string commonName;  // of its subject; the user's name
  base::Time notAfter{};
};

struct Request {
  std::string method;
  std::string path;                          // decoded, without the query
  std::map<std::string, std::string> query;  // decoded
  std::string contentType;
  base::SecretText authorization;  // the header's value
  base::SecretText body;
  Transport transport = Transport::Unix;
  std::optional<Peer> peer;                      // on a Unix socket
  std::optional<ClientCertificate> certificate;  // over Https, where one was shown
};

struct Response {
  int status = 200;
  std::string contentType = "application/json";
  std::vector<std::pair<std::string, std::string>> headers;
  base::SecretText body;
  std::string damage;             // not sent: what the operator must hear of the database
  std::chrono::seconds delay{0};  // the answer is held back this long, without holding a thread
};

// Called exactly once, on any thread.
using Respond = std::function<void(Response)>;
using Handler = std::function<void(const Request&, Respond)>;

}  // namespace kmsd::http
