#include <array>

#include "daemon/http/background.h"
#include "daemon/http/certificate_json.h"
#include "daemon/http/certificate_requests.h"
#include "daemon/http/handlers.h"
#include "daemon/http/holder.h"
#include "daemon/http/requests.h"
#include "daemon/pki_services.h"

namespace kmsd::http {
namespace {

using base::Code;
using base::Error;
using kms::pki::CertificateView;
using kms::pki::IssuedCertificate;

kms::Reply<IssuedCertificate> issuedReply(const Respond& respond) {
  return [respond](const base::Result<IssuedCertificate>& issued) {
    respondWith(respond, [&] {
      return issued ? jsonResponse(issuedCertificateJson(*issued), 201) : problem(issued.error());
    });
  };
}

base::Result<kms::pki::Serial> serialIn(const Call& call) {
  if (auto serial = kms::pki::parseSerial(call.name)) return *serial;
  return Error{Code::NotFound, "this is no serial number of 32 hexadecimal digits"};
}

// What the holder of a certificate asks for with an empty body.
base::Result<CertificateView> emptyHanded(const Call& call) {
  if (!call.request.body.empty())
    if (auto empty = parseNothing(base::view(call.request.body)); !empty) return std::move(empty).error();
  return holderOf(call);
}

}  // namespace

void postCertificate(Call& call, const Respond& respond) {
  auto wish = parseCertificateWish(base::view(call.request.body));
  if (!wish) return respond(problem(wish.error()));
  call.api.pki->certificates().issue(call.actor, wish->user, wish->profile, *std::move(wish->request),
                                     issuedReply(respond));
}

void getCertificates(Call& call, const Respond& respond) {
  static constexpr std::array<std::string_view, 3> kKnown = {"after", "limit", "user"};
  const auto query = pageQuery(call.request, kKnown);
  if (!query) return respond(problem(query.error()));
  const base::Time now = call.api.clock.now();
  respond(listResponse(
      query->limit,
      [&](std::size_t limit) {
        return call.api.pki->certificates().list(call.actor, query->user, query->after, limit);
      },
      [now](const kms::Page<CertificateView>& page) { return certificatesJson(page, now); }));
}

void getCertificate(Call& call, const Respond& respond) {
  const auto serial = serialIn(call);
  if (!serial) return respond(problem(serial.error()));
  const auto view = call.api.pki->certificates().show(call.actor, *serial);
  respond(view ? jsonResponse(certificateJson(*view, call.api.clock.now())) : problem(view.error()));
}

void revokeCertificate(Call& call, const Respond& respond) {
  auto reason = base::Result<kms::pki::RevocationReason>(kms::pki::RevocationReason::Unspecified);
  if (!call.request.body.empty()) reason = parseCertificateRevocation(base::view(call.request.body));
  if (!reason) return respond(problem(reason.error()));
  const auto serial = serialIn(call);
  if (!serial) return respond(problem(serial.error()));
  call.api.pki->certificates().revoke(
      call.actor, *serial, *reason,
      [respond, now = call.api.clock.now()](const base::Result<CertificateView>& view) {
        respondWith(respond,
                    [&] { return view ? jsonResponse(certificateJson(*view, now)) : problem(view.error()); });
      });
}

void renewCertificate(Call& call, const Respond& respond) {
  auto request = parseRenewal(base::view(call.request.body));
  if (!request) return respond(problem(request.error()));
  const auto holder = holderOf(call);
  if (!holder) return respond(problem(holder.error()));
  call.api.pki->certificates().renew(holder->serial, *std::move(request), kms::pki::Confirm::Implicit,
                                     issuedReply(respond));
}

void postEncryption(Call& call, const Respond& respond) {
  const auto holder = emptyHanded(call);
  if (!holder) return respond(problem(holder.error()));
  auto& certificates = call.api.pki->certificates();
  const bool taken = call.threads.keys.run([&certificates, respond, serial = holder->serial] {
    certificates.encryptionPair(serial, [respond](const base::Result<kms::pki::KeyPair>& pair) {
      respondWith(respond, [&] { return pair ? jsonResponse(keyPairJson(*pair)) : problem(pair.error()); });
    });
  });
  if (!taken) respond(problem(503, "unavailable", "too many wait for a key, or the server stops; try again"));
}

void postRecovery(Call& call, const Respond& respond) {
  static constexpr std::array<std::string_view, 2> kKnown = {"after", "limit"};
  const auto query = pageQuery(call.request, kKnown);
  if (!query) return respond(problem(query.error()));
  const auto holder = emptyHanded(call);
  if (!holder) return respond(problem(holder.error()));
  call.api.pki->certificates().recover(
      holder->serial, query->after, query->limit,
      [respond](const base::Result<kms::Page<kms::pki::KeyPair>>& page) {
        respondWith(respond,
                    [&] { return page ? jsonResponse(keyPairsJson(*page)) : problem(page.error()); });
      });
}

}  // namespace kmsd::http
