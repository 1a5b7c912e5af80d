#include "daemon/http/routes.h"

#include <algorithm>
#include <array>
#include <new>

#include "daemon/http/background.h"
#include "daemon/http/caller.h"
#include "daemon/http/handlers.h"
#include "daemon/http/published.h"
#include "daemon/metrics.h"

namespace kmsd::http {
namespace {

using base::Code;
using base::Error;
using base::Reason;
using kms::Role;

constexpr std::array kRoutes = {
    Route{"GET", "/v1/status", Role::None, Reach::Private, true, getStatus},
    Route{"GET", "/v1/health", Role::None, Reach::Everywhere, true, getHealth},
    Route{"GET", "/v1/media", Role::Admin, Reach::Private, true, getMedia},
    Route{"POST", "/v1/seal", Role::Admin, Reach::Private, true, postSeal},
    Route{"POST", "/v1/unseal", Role::Admin, Reach::UnixSocket, true, postUnseal},
    Route{"GET", "/metrics", Role::Verifier, Reach::Private, true, getMetrics},
    Route{"POST", "/v1/audit/verify", Role::Admin, Reach::Private, true, postAuditVerify},
    Route{"POST", "/v1/backup", Role::Admin, Reach::Private, false, postBackup},
    Route{"POST", "/v1/users", Role::Issuer, Reach::Private, false, postUser},
    Route{"GET", "/v1/users", Role::Issuer, Reach::Private, false, getUsers},
    Route{"GET", "/v1/users/{name}", Role::User, Reach::Private, false, getUser},  // own; issuers: all
    Route{"PATCH", "/v1/users/{name}", Role::Issuer, Reach::Private, false, patchUser},
    Route{"POST", "/v1/user-exports", Role::Admin, Reach::Private, false, postUserExport},
    Route{"POST", "/v1/user-exports/confirm", Role::Admin, Reach::Private, false, postUserExportConfirm},
    Route{"POST", "/v1/user-imports", Role::Admin, Reach::Private, false, postUserImport, Speech::Raw},
    Route{"POST", "/v1/user-imports/certificate", Role::Admin, Reach::Private, false,
          postUserImportCertificate},
    Route{"POST", "/v1/tokens", Role::Issuer, Reach::Private, false, postToken},
    Route{"GET", "/v1/tokens", Role::User, Reach::Private, false, getTokens},  // own; issuers: all
    Route{"POST", "/v1/tokens/verify", Role::User, Reach::Private, false,
          verifyToken},                                                                // own; verifiers: all
    Route{"POST", "/v1/tokens/renew", Role::User, Reach::Private, false, renewToken},  // own; issuers: all
    Route{"POST", "/v1/tokens/revoke", Role::User, Reach::Private, false, revokeToken},  // own; issuers: all
    Route{"POST", "/v1/tokens/bulk", Role::Issuer, Reach::Private, false, postTokensBulk},
    Route{"POST", "/v1/tokens/bulk-revoke", Role::User, Reach::Private, false,
          postTokensBulkRevoke},  // own; issuers: all
    Route{"GET", "/v1/approvals", Role::Admin, Reach::Private, false, getApprovals},
    Route{"GET", "/v1/approvals/{id}", Role::Admin, Reach::Private, false, getApproval},
    Route{"POST", "/v1/approvals/{id}/approve", Role::Admin, Reach::Private, false, approveApproval},
    Route{"POST", "/v1/approvals/{id}/cancel", Role::Admin, Reach::Private, false, cancelApproval},
    Route{"POST", "/oauth2/introspect", Role::User, Reach::Private, false, postIntrospect,
          Speech::OAuth},  // own; verifiers: all
    Route{"POST", "/oauth2/revoke", Role::User, Reach::Private, false, postOauthRevoke,
          Speech::OAuth},                                                      // own; issuers: all
    Route{"POST", "/v1/enrol", Role::None, Reach::Private, false, postEnrol},  // by token
    Route{"POST", "/v1/enrol/confirm", Role::None, Reach::Private, false, postEnrolConfirm},  // by token
    Route{"POST", "/v1/certificates", Role::Issuer, Reach::Private, false, postCertificate},
    Route{"GET", "/v1/certificates", Role::User, Reach::Private, false,
          getCertificates},  // own; issuers: all
    Route{"GET", "/v1/certificates/{serial}", Role::User, Reach::Private, false,
          getCertificate},  // own; issuers: all
    Route{"POST", "/v1/certificates/{serial}/revoke", Role::User, Reach::Private, false,
          revokeCertificate},  // own; issuers: all
    Route{"POST", "/v1/certificates/bulk-revoke", Role::Issuer, Reach::Private, false,
          postCertificatesBulkRevoke},
    Route{"POST", "/v1/certificates/renew", Role::User, Reach::Private, false,
          renewCertificate},                                                             // by certificate
    Route{"POST", "/v1/encryption", Role::User, Reach::Private, false, postEncryption},  // the same
    Route{"POST", "/v1/encryption/recover", Role::User, Reach::Private, false, postRecovery},  // the same
    Route{"POST", "/v1/ca", Role::Admin, Reach::Private, false, postAuthority},
    Route{"GET", "/v1/ca", Role::None, Reach::Everywhere, true, getAuthority},
    Route{"POST", "/v1/ca/request", Role::Admin, Reach::Private, false, postAuthorityRequest},
    Route{"GET", "/v1/ca/request", Role::Admin, Reach::Private, false, getAuthorityRequest},
    Route{"POST", "/v1/ca/install", Role::Admin, Reach::Private, false, postAuthorityChain},
    Route{"POST", "/v1/ca/rollover", Role::Admin, Reach::Private, false, postRollover},
    Route{"GET", "/ca.crt", Role::None, Reach::Everywhere, true, getCaCertificate, Speech::Raw},
    Route{"GET", "/ca.pem", Role::None, Reach::Everywhere, true, getCaPem, Speech::Raw},
    Route{"GET", "/crl.der", Role::None, Reach::Everywhere, true, getCrl, Speech::Raw},
    Route{"GET", "/crl.pem", Role::None, Reach::Everywhere, true, getCrlPem, Speech::Raw},
    Route{"GET", "/delta-crl.der", Role::None, Reach::Everywhere, true, getDeltaCrl, Speech::Raw},
    Route{"GET", "/ca/{number}.crt", Role::None, Reach::Everywhere, true, getNumberedCa, Speech::Raw},
    Route{"GET", "/ca/{number}/new-with-old.crt", Role::None, Reach::Everywhere, true, getNewWithOld,
          Speech::Raw},
    Route{"GET", "/ca/{number}/old-with-new.crt", Role::None, Reach::Everywhere, true, getOldWithNew,
          Speech::Raw},
    Route{"GET", "/crl/{number}.der", Role::None, Reach::Everywhere, true, getNumberedCrl, Speech::Raw},
    Route{"GET", "/delta-crl/{number}.der", Role::None, Reach::Everywhere, true, getNumberedDeltaCrl,
          Speech::Raw},
    Route{"GET", "/ocsp/{name}", Role::None, Reach::Everywhere, true, getOcsp, Speech::Raw},
    Route{"POST", "/ocsp", Role::None, Reach::Everywhere, true, postOcsp, Speech::Raw},
    Route{"POST", "/.well-known/cmp", Role::None, Reach::Everywhere, false, postCmp, Speech::Raw},
    Route{"GET", "/.well-known/est/cacerts", Role::None, Reach::Private, true, getEstCaCerts, Speech::Raw},
    Route{"GET", "/.well-known/est/csrattrs", Role::None, Reach::Private, true, getEstCsrAttributes,
          Speech::Raw},
    Route{"POST", "/.well-known/est/simpleenroll", Role::None, Reach::Private, false, postEstEnrol,
          Speech::Raw},  // by token
    Route{"POST", "/.well-known/est/simplereenroll", Role::None, Reach::Private, false, postEstReenrol,
          Speech::Raw},  // by certificate
    Route{"POST", "/.well-known/est/serverkeygen", Role::None, Reach::Private, false, postEstServerKeygen,
          Speech::Raw},  // the same
};

// What stands in `path` for the braces of `pattern`, or an empty text where it has none; nothing where it
// does not fit.
std::optional<std::string_view> fit(std::string_view pattern, std::string_view path) noexcept {
  const std::size_t open = pattern.find('{');
  if (open == pattern.npos) return pattern == path ? std::optional<std::string_view>("") : std::nullopt;
  const std::string_view stem = pattern.substr(0, open);
  const std::string_view tail = pattern.substr(pattern.find('}') + 1);
  if (!path.starts_with(stem) || !path.ends_with(tail) || path.size() <= stem.size() + tail.size())
    return std::nullopt;
  const std::string_view name = path.substr(open, path.size() - stem.size() - tail.size());
  const bool slashes = pattern.substr(open).starts_with("{name}");
  return slashes || name.find('/') == name.npos ? std::optional(name) : std::nullopt;
}

bool fits(std::string_view pattern, std::string_view path) noexcept { return fit(pattern, path).has_value(); }

const Route* match(const Request& request) noexcept {
  const std::string_view method = request.method == "HEAD" ? "GET" : std::string_view(request.method);
  for (const Route& route : kRoutes)
    if (route.method == method && fits(route.path, request.path)) return &route;
  return nullptr;
}

std::string nameIn(const Route& route, const Request& request) {
  return std::string(fit(route.path, request.path).value_or(""));
}

Response unmatched(const Request& request) {
  std::string allowed;
  for (const Route& route : kRoutes) {
    if (!fits(route.path, request.path)) continue;
    allowed += (allowed.empty() ? "" : ", ") + std::string(route.method);
    if (route.method == "GET") allowed += ", HEAD";
  }
  if (allowed.empty()) {
    return problem(404, "not_found", "there is no " + request.path.substr(0, 200) + " here");
  }
  Response response = problem(405, "method_not_allowed", "allowed here: " + allowed);
  response.headers.emplace_back("Allow", allowed);
  return response;
}

// Why a route is not served where the request came in; nothing where it is.
std::optional<Error> outOfReach(const Route& route, const Request& request) {
  if (route.reach == Reach::Everywhere || request.transport == Transport::Unix) return std::nullopt;
  if (route.reach == Reach::UnixSocket) {
    return Error{Code::Denied, "this is served over the server's Unix socket only", Reason::Forbidden};
  }
  if (request.transport == Transport::Https) return std::nullopt;
  return Error{Code::Denied, "this is not served in clear; ask over https", Reason::TlsRequired};
}

// Why nothing but the state is served now.
std::optional<Error> whySealed(const Api& api) {
  if (api.keeper.sealed()) {
    const std::string detail = api.keeper.status().detail;
    return Error{Code::Unavailable, "the server is sealed" + (detail.empty() ? "" : ": " + detail),
                 Reason::Sealed};
  }
  if (api.users == nullptr || api.tokens == nullptr || api.pki == nullptr) {
    return Error{Code::Unavailable, "the database cannot be used", Reason::DatabaseCorrupt};
  }
  return std::nullopt;
}

std::optional<Response> wrongBody(const Route& route, const Request& request) {
  if (request.body.empty() || route.speech == Speech::Raw) return std::nullopt;
  if (route.speech == Speech::Json) {
    if (isOfType(request, "application/json")) return std::nullopt;
    return problem(415, "unsupported_media_type", "send the body as application/json");
  }
  if (isOfType(request, "application/x-www-form-urlencoded")) return std::nullopt;
  return oauthProblem({Code::Invalid, "send the body as application/x-www-form-urlencoded"});
}

Error refusal(const Request& request, const Route& route, const kms::Actor& actor) {
  const std::string needed = "this needs the role " + std::string(kms::roleName(route.role));
  if (actor.role == Role::None && request.authorization.empty()) {
    return {Code::Denied, needed + "; present an access token", Reason::Unauthenticated};
  }
  return {Code::Denied, needed, Reason::Forbidden};
}

// Who asks, where that may be asked for and is enough for the route.
base::Result<kms::Actor> admit(const Api& api, const Route& route, const Request& request) {
  auto sealed = whySealed(api);
  if (sealed && !route.sealedToo) return *std::move(sealed);
  // What anybody may have is not refused for a token that does not count; the check may be impossible now.
  if (route.role == Role::None) return kms::Actor{"anonymous", Role::None, std::nullopt};
  // While sealed, a token cannot be told from an invented one.
  if (sealed && showsCredentials(request)) return *std::move(sealed);
  auto actor = callerOf(api, request, !sealed, route.speech == Speech::OAuth);
  if (actor && actor->role < route.role) return refusal(request, route, *actor);
  return actor;
}

void dispatch(Api& api, Threads& threads, const Route& route, const Request& request,
              const Respond& respond) {
  if (auto where = outOfReach(route, request)) return respond(problem(*where));
  auto actor = admit(api, route, request);
  if (!actor) {
    return respond(route.speech == Speech::OAuth ? oauthProblem(actor.error()) : problem(actor.error()));
  }
  if (auto wrong = wrongBody(route, request)) return respond(*std::move(wrong));
  Call call{api, request, *std::move(actor), nameIn(route, request), threads};
  route.handle(call, respond);
}

// Stands behind the Respond of each request: counts the answer, and tells the operator of damage that the
// request has met, whoever asked.
class Watch {
 public:
  // `route`: null where there is none.
  Watch(const Api& api, const Route* route, Respond respond)
      : api_(api),
        route_(route == nullptr ? kRoutes.size() : static_cast<std::size_t>(route - kRoutes.data())),
        respond_(std::move(respond)) {}
  void give(Response response) const {
    if (api_.metrics != nullptr)
      api_.metrics->answered(route_, response.status, std::chrono::steady_clock::now() - began_);
    if (!response.damage.empty() && api_.databaseDamaged) api_.databaseDamaged(response.damage);
    respond_(std::move(response));
  }

 private:
  const Api& api_;
  const std::size_t route_;
  const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  const Respond respond_;
};

}  // namespace

std::span<const Route> routes() noexcept { return kRoutes; }

Handler makeHandler(Api& api, Threads& threads) {
  if (!api.published) api.published = std::make_shared<Published>();
  return [&](const Request& request, Respond answer) {
    const Route* route = match(request);
    // One object behind all copies of a Respond, which the services make.
    const Respond respond = [watch = std::make_shared<const Watch>(api, route, std::move(answer))](
                                Response response) { watch->give(std::move(response)); };
    try {
      if (route == nullptr) return respond(unmatched(request));
      dispatch(api, threads, *route, request, respond);
    } catch (const std::bad_alloc&) {
      respond(problem(503, "unavailable", "no more memory can be locked now; try again"));
    } catch (const std::exception&) {
      respond(problem(500, "internal", "the request failed"));
    }
  };
}

}  // namespace kmsd::http
