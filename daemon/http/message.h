// HTTP messages as values: what the routes and kmsctl see of HTTP. Bodies may hold tokens, so they are
// SecretText.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "hal/base/bytes.h"
#include "hal/base/clock.h"
#include "hal/base/fd.h"
#include "hal/base/result.h"
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

// A client certificate that TLS has verified, with the key's possession: against the authority for clients,
// or against this server's own. Of its own, whether it counts now is for the database to say, at each
// request.
struct ClientCertificate {
  std::string commonName;  // of its subject; the user's name, where the certificate is not our own
  base::Time notAfter{};
  bool own = false;   // signed by this server's authority
  base::Bytes der{};  // of an own one
};

struct Request {
  std::string method;
  std::string path;                          // decoded, without the query
  std::map<std::string, std::string> query;  // decoded
  std::string contentType;
  std::string ifNoneMatch;         // the header's value
  base::SecretText authorization;  // the header's value
  base::SecretText body;
  Transport transport = Transport::Unix;
  std::optional<Peer> peer;                      // on a Unix socket
  std::optional<ClientCertificate> certificate;  // over Https, where one was shown
};

// A body that another thread makes while it is sent. It is no secret. Whoever drops it wants no more of it.
class BodySource {
 public:
  virtual ~BodySource() = default;
  virtual std::uint64_t size() const = 0;  // bytes in all
  // The next bytes, which stay where they are until the next call; none at the end. Nothing where they are
  // not there yet: then ready() can be read when they are. An error ends the connection before the body is
  // whole.
  virtual base::Result<std::optional<base::BytesView>> next() = 0;
  virtual base::Fd ready() const = 0;  // the caller's own
};

struct Response {
  int status = 200;
  std::string contentType = "application/json";
  std::vector<std::pair<std::string, std::string>> headers;
  base::SecretText body;
  std::shared_ptr<const base::Bytes> open;  // in place of body: no secret, of any size
  std::shared_ptr<BodySource> source;       // in place of body: larger than what memory should hold
  std::string damage;                       // not sent: what the operator must hear of the database
  std::chrono::seconds delay{0};            // the answer is held back this long, without holding a thread
};

// What is sent as the body, where it has no source.
inline std::string_view bodyOf(const Response& response) noexcept {
  return response.open ? base::asText(*response.open) : base::view(response.body);
}

// Called exactly once, on any thread.
using Respond = std::function<void(Response)>;
using Handler = std::function<void(const Request&, Respond)>;

}  // namespace kmsd::http
