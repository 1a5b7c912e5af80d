#include <array>

#include "daemon/http/answers.h"
#include "daemon/http/handlers.h"
#include "daemon/http/requests.h"
#include "daemon/metrics.h"
#include "daemon/pki_services.h"

namespace kmsd::http {
namespace {

using base::Code;
using base::Error;
using base::Reason;

Metrics::Kind countedAs(kms::TokenKind kind) {
  if (kind == kms::TokenKind::Access) return Metrics::Kind::Access;
  return kind == kms::TokenKind::Enrol ? Metrics::Kind::Enrol : Metrics::Kind::Recover;
}

kms::Reply<kms::TokenView> tokenReply(const Respond& respond) {
  return [respond](const base::Result<kms::TokenView>& view) {
    respondWith(respond, [&] { return view ? jsonResponse(tokenJson(*view)) : problem(view.error()); });
  };
}

Error forbidden(std::string what) { return {Code::Denied, std::move(what), Reason::Forbidden}; }

}  // namespace

void postToken(Call& call, const Respond& respond) {
  auto request = parseIssue(base::view(call.request.body));
  if (!request) return respond(problem(request.error()));
  call.api.tokens->issue(call.actor, *std::move(request),
                         [metrics = call.api.metrics, pki = call.api.pki,
                          respond](const base::Result<kms::IssuedToken>& issued) {
                           if (issued && metrics != nullptr) metrics->tokensIssued(countedAs(issued->kind));
                           respondWith(respond, [&] {
                             return issued ? jsonResponse(issuedJson(*issued, pki->fingerprint()), 201)
                                           : problem(issued.error());
                           });
                         });
}

void getTokens(Call& call, const Respond& respond) {
  static constexpr std::array<std::string_view, 3> kKnown = {"after", "limit", "user"};
  const auto query = pageQuery(call.request, kKnown);
  if (!query) return respond(problem(query.error()));
  if (!mayLookAt(call, query->user)) {
    return respond(problem(forbidden("only issuers may list the tokens of others; name yourself as user")));
  }
  respond(listResponse(
      query->limit,
      [&](std::size_t limit) { return call.api.tokens->list(query->user, query->after, limit); },
      tokensJson));
}

void verifyToken(Call& call, const Respond& respond) {
  auto ref = parseTokenRef(base::view(call.request.body));
  if (!ref) return respond(problem(ref.error()));
  // By accessor the service lets holders see their own. A text may be a guess at another's token.
  if (!ref->token.empty() && call.actor.role < kms::Role::Verifier) {
    return respond(problem(forbidden("verifying a token by its text needs the role verifier")));
  }
  call.api.tokens->verify(call.actor, *std::move(ref),
                          [metrics = call.api.metrics, respond](const base::Result<kms::TokenView>& view) {
                            if (view && metrics != nullptr) metrics->tokenVerified(view->active);
                            respondWith(respond, [&] {
                              if (!view) return problem(view.error());
                              Response response = jsonResponse(verifiedJson(*view));
                              response.delay = view->delay;
                              return response;
                            });
                          });
}

void renewToken(Call& call, const Respond& respond) {
  auto ref = parseTokenRef(base::view(call.request.body));
  if (!ref) return respond(problem(ref.error()));
  call.api.tokens->renew(call.actor, *std::move(ref), tokenReply(respond));
}

void revokeToken(Call& call, const Respond& respond) {
  auto revocation = parseRevocation(base::view(call.request.body));
  if (!revocation) return respond(problem(revocation.error()));
  Metrics* metrics = call.api.metrics;
  if (!revocation->allOfUser) {
    return call.api.tokens->revoke(call.actor, std::move(revocation->token),
                                   [metrics, reply = tokenReply(respond)](base::Result<kms::TokenView> view) {
                                     if (view && metrics != nullptr) metrics->tokensRevoked();
                                     reply(std::move(view));
                                   });
  }
  const std::string user = revocation->token.user;
  call.api.tokens->revokeUser(call.actor, user, [metrics, respond, user](const base::Result<void>& done) {
    if (done && metrics != nullptr) metrics->tokensRevoked();
    respondWith(respond, [&] { return done ? jsonResponse(userRevokedJson(user)) : problem(done.error()); });
  });
}

}  // namespace kmsd::http
