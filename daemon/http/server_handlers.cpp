#include "daemon/http/answers.h"
#include "daemon/http/background.h"
#include "daemon/http/handlers.h"
#include "daemon/http/metrics_handler.h"
#include "daemon/http/requests.h"
#include "daemon/pki_services.h"

namespace kmsd::http {
namespace {

base::SecretText statusOf(const Api& api) {
  SealedService given;
  if (api.pki != nullptr) {
    if (const auto list = api.pki->status().full()) given.crl = list->times.nextUpdate;
    given.ocsp = api.pki->status().ocspUntil();
  }
  return statusJson(api.keeper.status(), given);
}

// Seal and unseal do their work on a background thread and answer with the new state.
void inBackground(Background& background, Call& call, const Respond& respond,
                  std::function<base::Result<void>(Keeper&)> work) {
  const bool taken = background.run([&api = call.api, respond, work = std::move(work)] {
    respondWith(respond, [&] {
      auto done = work(api.keeper);
      return done ? jsonResponse(statusOf(api)) : problem(done.error());
    });
  });
  if (!taken)
    respond(problem(503, "unavailable", "too many wait to seal or unseal, or the server stops; try again"));
}

}  // namespace

void getStatus(Call& call, const Respond& respond) { respond(jsonResponse(statusOf(call.api))); }

void getHealth(Call& call, const Respond& respond) {
  // Small and without a word of why, because anybody may ask, also in clear.
  const bool sealed = call.api.keeper.sealed();
  Response response = jsonResponse(
      base::secretText(sealed ? R"({"state":"sealed"})" : R"({"state":"unsealed"})"), sealed ? 503 : 200);
  if (sealed) response.headers.emplace_back("Retry-After", "5");
  respond(std::move(response));
}

void getMedia(Call& call, const Respond& respond) {
  respond(jsonResponse(mediaJson(call.api.keeper.media())));
}

void postSeal(Call& call, const Respond& respond) {
  if (!call.request.body.empty()) {
    if (auto empty = parseNothing(base::view(call.request.body)); !empty)
      return respond(problem(empty.error()));
  }
  inBackground(call.threads.sealing, call, respond,
               [by = call.actor.name](Keeper& keeper) -> base::Result<void> {
                 keeper.seal(by);
                 return {};
               });
}

void postUnseal(Call& call, const Respond& respond) {
  UnsealRequest request;
  if (!call.request.body.empty()) {
    auto parsed = parseUnseal(base::view(call.request.body));
    if (!parsed) return respond(problem(parsed.error()));
    request = *std::move(parsed);
  }
  request.by = call.actor.name;
  // A std::function must be copyable, a secret is not.
  inBackground(call.threads.unsealing, call, respond,
               [held = std::make_shared<UnsealRequest>(std::move(request))](Keeper& keeper) {
                 return keeper.unseal(std::move(*held));
               });
}

void getMetrics(Call& call, const Respond& respond) {
  if (call.api.metrics == nullptr) return respond(problem(404, "not_found", "this server counts nothing"));
  respond(metricsResponse(*call.api.metrics));
}

}  // namespace kmsd::http
