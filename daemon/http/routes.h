// The API: its routes as rows of a table, each with the role it needs and where it is served, over the
// services.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "daemon/http/message.h"
#include "daemon/keeper.h"
#include "kms/tokens/actor.h"
#include "kms/tokens/token_service.h"
#include "kms/tokens/user_service.h"

namespace kmsd {
class Metrics;      // daemon/metrics.h
class PkiServices;  // daemon/pki_services.h
}  // namespace kmsd

namespace kmsd::http {

class Published;  // daemon/http/published.h

// What the routes act on. The services are null where the database cannot be used: all they serve then
// answers 503.
struct Api {
  Keeper& keeper;
  kms::UserService* users = nullptr;
  kms::TokenService* tokens = nullptr;
  uid_t daemonUid = 0;
  std::optional<gid_t> adminGroup;  // members are admins
  std::function<void(const std::string& what)> databaseDamaged =
      {};                      // told when a request met damage (event 5085)
  PkiServices* pki = nullptr;  // null where there is no database
  Metrics* metrics = nullptr;  // counts requests and what they did; null: nothing is counted
  // Checks the audit log from its first entry, with `store` each row of the database too, and gives the JSON
  // of the answer. Takes long, so it runs on Call::patient, and ends with Unavailable once `stop` is true.
  // Empty where there is no log.
  std::function<base::Result<base::SecretText>(bool store, const std::atomic<bool>& stop)> verifyAudit = {};
  // Makes a backup, which is sent while it is read. Takes long, as above. Empty where there is no database.
  std::function<base::Result<std::shared_ptr<BodySource>>(const std::string& by,
                                                          const std::atomic<bool>& stop)>
      backup = {};
  // Told when the server has got an authority.
  std::function<void()> authorityMade = {};
  std::shared_ptr<Published> published = {};  // what public routes keep of it; made by makeHandler
  const base::Clock& clock = base::systemClock();
};

class Background;  // daemon/http/background.h

// Threads for what takes long. No seal waits behind an unseal, and neither behind what an administrator has
// checked.
struct Threads {
  Background& sealing;
  Background& unsealing;
  Background& patient;    // whole logs and lists
  Background& keys;       // making keys: seconds with RSA
  Background& enrolling;  // strangers' requests that ask for much arithmetic
};

struct Call {
  Api& api;
  const Request& request;  // until the handler returns
  kms::Actor actor;        // nobody, where the route is for anybody
  std::string name;        // what stands for the braces in the path
  Threads& threads;
};

// Where a route is served.
enum class Reach : std::uint8_t {
  UnixSocket,  // what opens the server is told on its own host only
  Private,     // Unix sockets and TLS
  Everywhere   // also in clear: public by design
};

// How a route's bodies and errors look.
enum class Speech : std::uint8_t {
  Json,  // problem documents
  Raw,   // bodies of protocols of their own, which the handler judges; problem documents
  OAuth  // form bodies, the errors of RFC 6749, section 5.2, and HTTP Basic beside Bearer
};

struct Route {
  std::string_view method;
  // "{name}" at the end stands for the rest, because names may hold a slash; "{serial}" and "{id}" for one
  // segment.
  std::string_view path;
  kms::Role role;  // Role::None: anybody, and who it is is not asked
  Reach reach;
  bool sealedToo;  // served while sealed
  void (*handle)(Call& call, const Respond& respond);
  Speech speech = Speech::Json;
};

std::span<const Route> routes() noexcept;
// Where is it served, who is it, is it allowed, is it sealed; then the route's handler. `api` and `threads`
// outlive the handler. What runs in the background uses the keeper: end it before the keeper goes.
Handler makeHandler(Api& api, Threads& threads);

}  // namespace kmsd::http
