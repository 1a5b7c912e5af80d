#include "daemon/http/routes.h"

#include <algorithm>
#include <array>
#include <new>

#include "daemon/http/background.h"
#include "daemon/http/handlers.h"

namespace kmsd::http {
namespace {

using base::Code;
using base::Error;
using base::Reason;
using kms::Role;

constexpr std::array kRoutes = {
    Route{"GET", "/v1/status", Role::None, true, getStatus},
    Route{"GET", "/v1/health", Role::None, true, getHealth},
    Route{"GET", "/v1/media", Role::Admin, true, getMedia},
    Route{"POST", "/v1/seal", Role::Admin, true, postSeal},
    Route{"POST", "/v1/unseal", Role::Admin, true, postUnseal},
    Route{"POST", "/v1/users", Role::Issuer, false, postUser},
    Route{"GET", "/v1/users", Role::Issuer, false, getUsers},
    Route{"GET", "/v1/users/{name}", Role::User, false, getUser},  // one's own; issuers: all
    Route{"PATCH", "/v1/users/{name}", Role::Issuer, false, patchUser},
    Route{"POST", "/v1/tokens", Role::Issuer, false, postToken},
    Route{"GET", "/v1/tokens", Role::User, false, getTokens},            // one's own; issuers: all
    Route{"POST", "/v1/tokens/verify", Role::User, false, verifyToken},  // one's own; verifiers: all
    Route{"POST", "/v1/tokens/renew", Role::User, false, renewToken},    // one's own; issuers: all
    Route{"POST", "/v1/tokens/revoke", Role::User, false, revokeToken},  // one's own; issuers: all
};

constexpr std::string_view kName = "{name}";

// Whether `path` fits `pattern`; then `name` is what stands for "{name}".
bool fits(std::string_view pattern, std::string_view path, std::string& name) {
  if (!pattern.ends_with(kName)) return pattern == path;
  const std::string_view stem = pattern.substr(0, pattern.size() - kName.size());
  if (!path.starts_with(stem) || path.size() == stem.size()) return false;
  name = path.substr(stem.size());
  return true;
}

struct Match {
  const Route* route = nullptr;
  std::string name;
  std::string allowed;  // the methods of the path, for Allow; empty: no such path
};

Match match(const Request& request) {
  const std::string_view method = request.method == "HEAD" ? "GET" : std::string_view(request.method);
  Match found;
  for (const Route& route : kRoutes) {
    std::string name;
    if (!fits(route.path, request.path, name)) continue;
    found.allowed += (found.allowed.empty() ? "" : ", ") + std::string(route.method);
    if (route.method == "GET") found.allowed += ", HEAD";
    if (route.method != method) continue;
    found.route = &route;
    found.name = std::move(name);
  }
  return found;
}

Response unmatched(const Request& request, const Match& match) {
  if (match.allowed.empty()) {
    return problem(404, "not_found", "there is no " + request.path.substr(0, 200) + " here");
  }
  Response response = problem(405, "method_not_allowed", "allowed here: " + match.allowed);
  response.headers.emplace_back("Allow", match.allowed);
  return response;
}

// Why nothing but the state is served now.
std::optional<Response> sealedProblem(const Api& api) {
  const ServerStatus status = api.keeper.status();
  if (status.sealed) {
    return problem(Error{Code::Unavailable,
                         "the server is sealed" + (status.detail.empty() ? "" : ": " + status.detail),
                         Reason::Sealed});
  }
  if (api.users == nullptr || api.tokens == nullptr) {
    return problem(Error{Code::Unavailable, "the database cannot be used", Reason::DatabaseCorrupt});
  }
  return std::nullopt;
}

bool isHostAdmin(const Api& api, const Peer& peer) {
  if (peer.uid == 0 || peer.uid == api.daemonUid) return true;
  return api.adminGroup &&
         std::find(peer.groups.begin(), peer.groups.end(), *api.adminGroup) != peer.groups.end();
}

kms::Actor peerActor(const Api& api, const std::optional<Peer>& peer, bool open) {
  if (!peer) return {"anonymous", Role::None, std::nullopt};
  const std::string name = "uid " + std::to_string(peer->uid);
  if (isHostAdmin(api, *peer)) return {name, Role::Admin, std::nullopt};
  if (open) {
    if (auto user = api.users->actorForUid(peer->uid)) return *std::move(user);
  }
  return {name, Role::None, std::nullopt};
}

bool startsWithoutCase(std::string_view text, std::string_view start) {
  return text.size() >= start.size() &&
         std::equal(start.begin(), start.end(), text.begin(),
                    [](char a, char b) { return a == (b >= 'A' && b <= 'Z' ? b - 'A' + 'a' : b); });
}

bool isJson(std::string_view contentType) {
  constexpr std::string_view kJson = "application/json";
  if (!startsWithoutCase(contentType, kJson)) return false;
  contentType.remove_prefix(kJson.size());
  return contentType.empty() || contentType.front() == ';' || contentType.front() == ' ';
}

// A bearer token decides alone: it may have fewer rights than the peer who shows it, or more.
base::Result<kms::Actor> actorOf(const Api& api, const Request& request, bool open) {
  std::string_view bearer = base::view(request.authorization);
  if (bearer.empty()) return peerActor(api, request.peer, open);
  if (bearer.size() <= 7 && startsWithoutCase("bearer ", bearer)) {
    return Error{Code::Denied, "the token behind Bearer is missing", Reason::Unauthenticated};
  }
  if (!startsWithoutCase(bearer, "bearer ")) {
    return Error{Code::Denied, "the one authorization served is Bearer", Reason::Unauthenticated};
  }
  bearer.remove_prefix(std::min(bearer.find_first_not_of(' ', 7), bearer.size()));
  return api.tokens->authenticate(bearer);
}

Error refusal(const Request& request, const Route& route, const kms::Actor& actor) {
  const std::string needed = "this needs the role " + std::string(kms::roleName(route.role));
  if (actor.role == Role::None && request.authorization.empty()) {
    return {Code::Denied, needed + "; present an access token", Reason::Unauthenticated};
  }
  return {Code::Denied, needed, Reason::Forbidden};
}

void dispatch(Api& api, Background& sealing, Background& unsealing, const Request& request,
              const Respond& respond) {
  Match found = match(request);
  if (found.route == nullptr) return respond(unmatched(request, found));
  const Route& route = *found.route;
  auto sealed = sealedProblem(api);
  // While sealed, a token cannot be told from an invented one. What anybody may see is served all the same.
  const bool tokenNeeded = !request.authorization.empty() && route.role != Role::None;
  if (sealed && (!route.sealedToo || tokenNeeded)) return respond(*std::move(sealed));
  kms::Actor actor{"anonymous", Role::None, std::nullopt};
  if (!sealed || request.authorization.empty()) {
    auto known = actorOf(api, request, !sealed);
    if (!known) return respond(problem(known.error()));
    actor = *std::move(known);
  }
  if (actor.role < route.role) return respond(problem(refusal(request, route, actor)));
  if (!request.body.empty() && !isJson(request.contentType)) {
    return respond(problem(415, "unsupported_media_type", "send the body as application/json"));
  }
  Call call{api, request, std::move(actor), std::move(found.name), sealing, unsealing};
  route.handle(call, respond);
}

// Tells the operator of damage that a request has met, whoever asked.
Respond watching(const Api& api, const Respond& respond) {
  if (!api.databaseDamaged) return respond;
  return [&api, respond](Response response) {
    if (!response.damage.empty()) api.databaseDamaged(response.damage);
    respond(std::move(response));
  };
}

}  // namespace

std::span<const Route> routes() noexcept { return kRoutes; }

Handler makeHandler(Api& api, Background& sealing, Background& unsealing) {
  return [&](const Request& request, const Respond& answer) {
    const Respond respond = watching(api, answer);
    try {
      dispatch(api, sealing, unsealing, request, respond);
    } catch (const std::bad_alloc&) {
      respond(problem(503, "unavailable", "no more memory can be locked now; try again"));
    } catch (const std::exception&) {
      respond(problem(500, "internal", "the request failed"));
    }
  };
}

}  // namespace kmsd::http
