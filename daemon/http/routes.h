// The API: its routes as rows of a table, each with the role it needs, over the services.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "daemon/http/message.h"
#include "daemon/keeper.h"
#include "kms/tokens/actor.h"
#include "kms/tokens/token_service.h"
#include "kms/tokens/user_service.h"

namespace kmsd::http {

// What the routes act on. The services are null where the database cannot be used: all they serve then
// answers 503.
struct Api {
  Keeper& keeper;
  kms::UserService* users = nullptr;
  kms::TokenService* tokens = nullptr;
  uid_t daemonUid = 0;
  std::optional<gid_t> adminGroup;  // members are admins
  std::function<void(const std::string& what)> databaseDamaged =
      {};  // told when a request met damage (event 5085)
};

class Background;  // daemon/http/background.h

struct Call {
  Api& api;
  const Request& request;
  kms::Actor actor;
  std::string name;     // what stands for "{name}" in the path
  Background& sealing;  // what takes long has threads of its own; no seal waits behind an unseal
  Background& unsealing;
};

struct Route {
  std::string_view method;
  std::string_view path;  // "{name}" at the end stands for the rest, because names may hold a slash
  kms::Role role;         // Role::None: anybody
  bool sealedToo;         // served while sealed
  void (*handle)(Call& call, const Respond& respond);
};

std::span<const Route> routes() noexcept;
// Who is it, is it allowed, is it sealed; then the route's handler. `api` and `background` outlive the
// handler. What runs in the background uses the keeper: end it before the keeper goes.
Handler makeHandler(Api& api, Background& sealing, Background& unsealing);

}  // namespace kmsd::http
