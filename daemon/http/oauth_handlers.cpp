// The routes for OAuth clients: introspection (RFC 7662) and revocation (RFC 7009) of access tokens. One-time
// tokens are not theirs: without the user they are for, none is active.
#include "daemon/http/answers.h"
#include "daemon/http/handlers.h"
#include "daemon/http/oauth_form.h"
#include "daemon/metrics.h"
#include "kms/tokens/token_text.h"

namespace kmsd::http {
namespace {

using View = base::Result<kms::TokenView>;

Response introspected(const kms::TokenView& view) {
  return view.active ? jsonResponse(introspectionJson(view)) : jsonResponse(verifiedJson({}));
}

kms::Reply<kms::TokenView> introspectionReply(Metrics* metrics, const Respond& respond) {
  return [metrics, respond](const View& view) {
    if (view && metrics != nullptr) metrics->tokenVerified(view->active);
    respondWith(respond, [&] { return view ? introspected(*view) : oauthProblem(view.error()); });
  };
}

// Whoever may not verify tokens may see the own ones. By accessor first: that takes no use of another's.
void introspectOwn(Call& call, std::string accessor, kms::TokenRef ref, const Respond& respond) {
  kms::TokenService& tokens = *call.api.tokens;
  const auto held = std::make_shared<kms::TokenRef>(std::move(ref));
  tokens.verify(call.actor, kms::TokenRef{{}, std::move(accessor), {}},
                [&tokens, held, by = call.actor,
                 reply = introspectionReply(call.api.metrics, respond)](const View& own) {
                  if (own && own->active) return tokens.verify(by, std::move(*held), reply);
                  const bool others = !own && own.error().reason == base::Reason::Forbidden;
                  reply(others ? View(kms::TokenView{}) : own);
                });
}

Response revoked() { return jsonResponse(base::secretText("{}")); }

Response revocationFailed(const base::Error& error) {
  // To the client there is nothing left to do (RFC 7009, section 2.2).
  if (error.code == base::Code::NotFound) return revoked();
  if (error.reason == base::Reason::Forbidden) return oauthProblem(400, "unauthorized_client", error.what);
  return oauthProblem(error);
}

}  // namespace

void postIntrospect(Call& call, const Respond& respond) {
  auto form = parseTokenForm(base::view(call.request.body));
  if (!form) return respond(oauthProblem(form.error()));
  auto accessor = kms::accessorIn(base::view(form->token));
  if (!accessor) return introspectionReply(call.api.metrics, respond)(kms::TokenView{});
  kms::TokenRef ref{std::move(form->token), {}, {}};
  if (call.actor.role < kms::Role::Verifier)
    return introspectOwn(call, *std::move(accessor), std::move(ref), respond);
  call.api.tokens->verify(call.actor, std::move(ref), introspectionReply(call.api.metrics, respond));
}

void postOauthRevoke(Call& call, const Respond& respond) {
  auto form = parseTokenForm(base::view(call.request.body));
  if (!form) return respond(oauthProblem(form.error()));
  const std::string_view text = base::view(form->token);
  if (!kms::accessorIn(text)) {
    // 200 would tell the client that the token is void.
    const bool oneTime = !kms::looksLikeAccessToken(text) && kms::parseOneTimeToken(text);
    return respond(oneTime ? oauthProblem(400, "unsupported_token_type",
                                          "one-time tokens are revoked by POST /v1/tokens/revoke")
                           : revoked());
  }
  call.api.tokens->revoke(call.actor, kms::TokenRef{std::move(form->token), {}, {}},
                          [metrics = call.api.metrics, respond](const View& view) {
                            if (view && metrics != nullptr) metrics->tokensRevoked();
                            respondWith(respond,
                                        [&] { return view ? revoked() : revocationFailed(view.error()); });
                          });
}

}  // namespace kmsd::http
