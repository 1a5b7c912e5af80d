#include "daemon/http/background.h"
#include "daemon/http/certificate_json.h"
#include "daemon/http/certificate_requests.h"
#include "daemon/http/handlers.h"
#include "daemon/pki_services.h"

namespace kmsd::http {
namespace {

Response authorityResponse(PkiServices& pki, int status = 200) {
  const auto all = pki.status().authorities();
  if (all.empty()) return problem(kms::pki::noAuthority());
  auto text = authorityJson(all, pki.status().full().get());
  return text ? jsonResponse(*std::move(text), status) : problem(text.error());
}

}  // namespace

void postAuthority(Call& call, const Respond& respond) {
  AuthorityWish wish;
  if (!call.request.body.empty()) {
    auto parsed = parseAuthorityWish(base::view(call.request.body));
    if (!parsed) return respond(problem(parsed.error()));
    wish = *std::move(parsed);
  }
  const bool taken = call.threads.keys.run([&api = call.api, respond, wish, by = call.actor] {
    respondWith(respond, [&] {
      if (auto made = api.pki->init(wish.key, wish.name, by); !made) return problem(made.error());
      if (api.authorityMade) api.authorityMade();
      return authorityResponse(*api.pki, 201);
    });
  });
  if (!taken) respond(problem(503, "unavailable", "too many wait for a key, or the server stops; try again"));
}

void getAuthority(Call& call, const Respond& respond) {
  if (call.api.pki == nullptr)
    return respond(problem(
        base::Error{base::Code::Unavailable, "the database cannot be used", base::Reason::DatabaseCorrupt}));
  respond(authorityResponse(*call.api.pki));
}

}  // namespace kmsd::http
