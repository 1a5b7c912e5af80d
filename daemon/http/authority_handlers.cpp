#include "daemon/http/background.h"
#include "daemon/http/certificate_json.h"
#include "daemon/http/certificate_requests.h"
#include "daemon/http/handlers.h"
#include "daemon/pki_services.h"

namespace kmsd::http {
namespace {

// REQUIRES: there are services of the authority.
Response authorityResponse(const Api& api, int status = 200) {
  const auto& known = api.pki->status();
  const auto all = known.published();
  if (all.empty()) return problem(kms::pki::noAuthority());
  auto text = authorityJson(all, known.full().get(), api.clock.now());
  return text ? jsonResponse(*std::move(text), status) : problem(text.error());
}

// The body as `parse` reads it; without one, what it gives for an empty object. Nothing where it answered.
template <class Parse>
auto wishOf(const Call& call, const Respond& respond, Parse parse)
    -> std::optional<std::remove_cvref_t<decltype(*parse(""))>> {
  auto parsed = parse(call.request.body.empty() ? std::string_view("{}") : base::view(call.request.body));
  if (parsed) return *std::move(parsed);
  respond(problem(parsed.error()));
  return std::nullopt;
}

// Runs `work`, which gives the answer, on the thread where keys are made.
template <class Work>
void makingKeys(Call& call, const Respond& respond, Work work) {
  const bool taken = call.threads.keys.run(
      [respond, work = std::move(work)]() mutable { respondWith(respond, [&] { return work(); }); });
  if (!taken) respond(problem(503, "unavailable", "too many wait for a key, or the server stops; try again"));
}

// What follows on a change of the current authority.
Response changed(const Api& api, const base::Result<void>& done, int status) {
  if (!done) return problem(done.error());
  if (api.authorityMade) api.authorityMade();
  return authorityResponse(api, status);
}

}  // namespace

void postAuthority(Call& call, const Respond& respond) {
  auto wish = wishOf(call, respond, parseAuthorityWish);
  if (!wish) return;
  makingKeys(call, respond, [&api = call.api, wish = *std::move(wish), by = call.actor] {
    return changed(api, api.pki->init(wish.key, wish.name, by), 201);
  });
}

void getAuthority(Call& call, const Respond& respond) {
  if (call.api.pki == nullptr)
    return respond(problem(
        base::Error{base::Code::Unavailable, "the database cannot be used", base::Reason::DatabaseCorrupt}));
  respond(authorityResponse(call.api));
}

void postAuthorityRequest(Call& call, const Respond& respond) {
  auto wish = wishOf(call, respond, parseAuthorityRequest);
  if (!wish) return;
  makingKeys(call, respond, [&pki = *call.api.pki, wish = *std::move(wish), by = call.actor] {
    const auto request = pki.request(wish.key, wish.name, wish.replace, by);
    return request ? jsonResponse(authorityRequestJson(*request), 201) : problem(request.error());
  });
}

void getAuthorityRequest(Call& call, const Respond& respond) {
  const auto request = call.api.pki->requested(call.actor);
  respond(request ? jsonResponse(authorityRequestJson(*request)) : problem(request.error()));
}

void postAuthorityChain(Call& call, const Respond& respond) {
  auto chain = wishOf(call, respond, parseAuthorityChain);
  if (!chain) return;
  makingKeys(call, respond, [&api = call.api, chain = *std::move(chain), by = call.actor] {
    return changed(api, api.pki->install(chain, by), 200);
  });
}

void postRollover(Call& call, const Respond& respond) {
  const auto key = wishOf(call, respond, parseRollover);
  if (!key) return;
  makingKeys(call, respond, [&api = call.api, key = *key, by = call.actor] {
    return changed(api, api.pki->rollover(key, by), 200);
  });
}

}  // namespace kmsd::http
