// EST (RFC 7030): enrolment with HTTP Basic, user and one-time token; renewal and the encryption pair with
// the client certificate. Over https only.
#include "daemon/http/background.h"
#include "daemon/http/caller.h"
#include "daemon/http/handlers.h"
#include "daemon/http/holder.h"
#include "daemon/http/oauth_form.h"
#include "daemon/pki_services.h"
#include "hal/base/rng.h"
#include "kms/pki/est.h"

namespace kmsd::http {
namespace {

using base::Code;
using base::Error;
using base::Reason;
using kms::pki::IssuedCertificate;

constexpr std::string_view kCertificates = "application/pkcs7-mime; smime-type=certs-only";
constexpr std::size_t kBoundary = 16;  // random bytes

Response estResponse(std::string_view contentType, std::string_view body) {
  Response response;
  response.contentType = contentType;
  response.headers.emplace_back("Content-Transfer-Encoding", "base64");
  response.body = base::secretText(body);
  return response;
}

Response certificatesResponse(const std::vector<base::Bytes>& certificates) {
  const auto message = kms::pki::certsOnly(certificates);
  return message ? estResponse(kCertificates, kms::pki::estBody(*message)) : problem(message.error());
}

// A 401 asks for Basic, whatever was wrong.
Response refusal(const Error& error) {
  Response response = problem(error);
  if (response.status != 401) return response;
  std::erase_if(response.headers, [](const auto& header) { return header.first == "WWW-Authenticate"; });
  response.headers.emplace_back("WWW-Authenticate", R"(Basic realm="estrealm")");
  return response;
}

std::optional<Response> overTls(const Call& call) {
  if (call.request.transport == Transport::Https) return std::nullopt;
  return problem(Error{Code::Denied, "EST is served over https only", Reason::TlsRequired});
}

base::Result<kms::pki::CertificateRequest> requestIn(const Call& call) {
  if (!isOfType(call.request, "application/pkcs10"))
    return Error{Code::Invalid, "send the certification request as application/pkcs10, in base64"};
  return kms::pki::parseEstRequest(base::asBytes(base::view(call.request.body)));
}

base::Result<BasicCredentials> credentialsIn(const Call& call) {
  constexpr std::string_view kBasic = "basic ";
  std::string_view given = base::view(call.request.authorization);
  if (!startsWithoutCase(given, kBasic))
    return Error{Code::Denied, "enrol with HTTP Basic: the user and the one-time token",
                 Reason::Unauthenticated};
  given.remove_prefix(kBasic.size());
  return parseBasic(given.substr(std::min(given.find_first_not_of(' '), given.size())));
}

Response pairResponse(const base::Result<kms::pki::KeyPair>& pair) {
  if (!pair) return refusal(pair.error());
  base::Bytes boundary(kBoundary);
  base::systemRng().fill(boundary);
  auto made = kms::pki::serverKeygenBody(pair->key.bytes(), {pair->certificate.certificate}, boundary);
  if (!made) return problem(made.error());
  Response response;
  response.contentType = made->contentType;
  response.body = std::move(made->body);
  return response;
}

}  // namespace

void getEstCaCerts(Call& call, const Respond& respond) {
  if (auto wrong = overTls(call)) return respond(*std::move(wrong));
  // With what leads from one authority to the next (RFC 7030, section 4.1.3).
  const auto all = call.api.pki != nullptr
                       ? bundleWithLinks(call.api.pki->status().published(), call.api.clock.now())
                       : std::vector<base::Bytes>();
  respond(all.empty() ? problem(kms::pki::noAuthority()) : certificatesResponse(all));
}

void getEstCsrAttributes(Call& call, const Respond& respond) {
  if (auto wrong = overTls(call)) return respond(*std::move(wrong));
  respond(estResponse("application/csrattrs", kms::pki::estBody(kms::pki::csrAttributes())));
}

void postEstEnrol(Call& call, const Respond& respond) {
  if (auto wrong = overTls(call)) return respond(*std::move(wrong));
  auto credentials = credentialsIn(call);
  if (!credentials) return respond(refusal(credentials.error()));
  auto request = requestIn(call);
  if (!request) return respond(problem(request.error()));
  auto& certificates = call.api.pki->certificates();
  const std::string user = credentials->user;
  kms::pki::EnrolOrder order{.user = user,
                             .token = std::move(credentials->token),
                             .request = *std::move(request),
                             .confirm = kms::pki::Confirm::Implicit};
  certificates.enrol(std::move(order),
                     [&certificates, respond, user](const base::Result<IssuedCertificate>& issued) {
                       respondWith(respond, [&] {
                         if (issued) return certificatesResponse({issued->certificate});
                         Response response = refusal(issued.error());
                         if (issued.error().reason == Reason::TokenRefused)
                           response.delay = certificates.holdBack(user);
                         return response;
                       });
                     });
}

void postEstReenrol(Call& call, const Respond& respond) {
  if (auto wrong = overTls(call)) return respond(*std::move(wrong));
  const auto holder = holderOf(call);
  if (!holder) return respond(refusal(holder.error()));
  auto request = requestIn(call);
  if (!request) return respond(problem(request.error()));
  call.api.pki->certificates().renew(holder->serial, *std::move(request), kms::pki::Confirm::Implicit,
                                     [respond](const base::Result<IssuedCertificate>& issued) {
                                       respondWith(respond, [&] {
                                         return issued ? certificatesResponse({issued->certificate})
                                                       : refusal(issued.error());
                                       });
                                     });
}

// What the request asks for is what the server makes anyway; its key is not used (RFC 7030, section 4.4.1).
void postEstServerKeygen(Call& call, const Respond& respond) {
  if (auto wrong = overTls(call)) return respond(*std::move(wrong));
  const auto holder = holderOf(call);
  if (!holder) return respond(refusal(holder.error()));
  if (auto request = requestIn(call); !request) return respond(problem(request.error()));
  auto& certificates = call.api.pki->certificates();
  const bool taken = call.threads.keys.run([&certificates, respond, serial = holder->serial] {
    certificates.encryptionPair(serial, [respond](const base::Result<kms::pki::KeyPair>& pair) {
      respondWith(respond, [&] { return pairResponse(pair); });
    });
  });
  if (!taken) respond(problem(503, "unavailable", "too many wait for a key, or the server stops; try again"));
}

}  // namespace kmsd::http
