// Enrolment with a one-time token, which says who asks.
#include "daemon/http/certificate_json.h"
#include "daemon/http/certificate_requests.h"
#include "daemon/http/handlers.h"
#include "daemon/metrics.h"
#include "daemon/pki_services.h"
#include "kms/tokens/fields.h"
#include "kms/tokens/token_text.h"

namespace kmsd::http {
namespace {

using base::Code;
using base::Error;
using base::Reason;

Error tokenRefused() {
  return {Code::Denied, "the user or the token is not right, or the token's time has passed",
          Reason::TokenRefused};
}

// Whether `given` is the user's pending token, in any form people type.
bool isToken(const kms::pki::SharedSecret& secret, const base::SecretText& given) {
  const auto plain = kms::parseOneTimeToken(base::view(given));
  return secret.sequence != 0 && plain &&
         base::equalConstantTime(base::asBytes(base::view(*plain)), base::asBytes(base::view(secret.plain)));
}

// A confirmation whose answer was lost comes again when the token is used up. Nothing is changed by it, and
// it is answered as the one with the right token would be, so that nobody can try tokens by it.
bool confirmedBefore(PkiServices& pki, const EnrolConfirmation& word) {
  static const kms::Actor server{"kmsd", kms::Role::Admin, std::nullopt};
  const auto view = pki.certificates().show(server, word.serial);
  return word.accepted && view && view->user == word.user &&
         view->state == kms::pki::CertificateState::Active;
}

void refuseToken(kms::pki::CmpBackend& desk, const std::string& user, const Respond& respond) {
  desk.refuse(user, [respond](std::chrono::seconds delay) {
    respondWith(respond, [&] {
      Response response = problem(tokenRefused());
      response.delay = delay;
      return response;
    });
  });
}

}  // namespace

void postEnrol(Call& call, const Respond& respond) {
  auto wanted = parseEnrol(base::view(call.request.body));
  if (!wanted) return respond(problem(wanted.error()));
  PkiServices& pki = *call.api.pki;
  kms::pki::EnrolOrder order{
      .user = wanted->user,
      .token = std::move(wanted->token),
      .request = *std::move(wanted->request),
      .confirm = wanted->implicit ? kms::pki::Confirm::Implicit : kms::pki::Confirm::Explicit};
  pki.certificates().enrol(std::move(order), [&pki, respond, user = wanted->user](
                                                 const base::Result<kms::pki::IssuedCertificate>& issued) {
    respondWith(respond, [&] {
      if (issued) return jsonResponse(issuedCertificateJson(*issued), 201);
      Response response = problem(issued.error());
      if (issued.error().reason == Reason::TokenRefused) response.delay = pki.certificates().holdBack(user);
      return response;
    });
  });
}

// The token once more shows that it is the one who enrolled.
void postEnrolConfirm(Call& call, const Respond& respond) {
  auto word = parseEnrolConfirm(base::view(call.request.body));
  if (!word) return respond(problem(word.error()));
  // No other name is looked for, counted or put on record.
  if (auto name = kms::checkUserName(word->user, kms::Policy{}); !name) return respond(problem(name.error()));
  PkiServices& pki = *call.api.pki;
  const auto secret = pki.desk().sharedSecret(word->user);
  if (!secret) return respond(problem(secret.error()));
  if (isToken(*secret, word->token)) {
    const auto view = pki.desk().show(word->user, word->serial);
    if (!view) return respond(problem(view.error()));
  } else if (!confirmedBefore(pki, *word)) {
    return refuseToken(pki.desk(), word->user, respond);
  }
  pki.certificates().confirm(
      word->serial, word->hash, word->accepted,
      [respond, serial = word->serial, accepted = word->accepted](const base::Result<void>& done) {
        respondWith(respond, [&] {
          return done ? jsonResponse(confirmedJson(serial, accepted)) : problem(done.error());
        });
      });
}

}  // namespace kmsd::http
