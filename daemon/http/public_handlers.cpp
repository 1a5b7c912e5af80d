// What is public by design: the authority's certificate, CRLs, OCSP and CMP. Served in clear, and but for CMP
// while sealed too.
#include <algorithm>
#include <charconv>

#include "daemon/http/background.h"
#include "daemon/http/caller.h"
#include "daemon/http/handlers.h"
#include "daemon/http/published.h"
#include "daemon/pki_services.h"
#include "kms/pki/base64.h"

namespace kmsd::http {
namespace {

using base::Code;
using base::Error;
using base::Reason;

constexpr std::string_view kPem = "application/x-pem-file";
// Caches ask again before they give it on; then a short 304 is all that is sent.
constexpr std::string_view kAskAgain = "no-cache";

Response openResponse(std::string_view contentType, base::Bytes body) {
  Response response;
  response.contentType = contentType;
  response.open = std::make_shared<const base::Bytes>(std::move(body));
  return response;
}

Response notThere(const Api& api) {
  if (api.pki == nullptr)
    return problem(Error{Code::Unavailable, "the database cannot be used", Reason::DatabaseCorrupt});
  return problem(kms::pki::noAuthority());
}

// 304 where the client has it already.
Response cached(const Request& request, std::string_view contentType, const Published::Text& text,
                base::Time since) {
  Response response;
  response.headers.emplace_back("ETag", text.tag);
  response.headers.emplace_back("Cache-Control", kAskAgain);
  if (since != base::Time{}) response.headers.emplace_back("Last-Modified", httpDate(since));
  if (hasAlready(request.ifNoneMatch, text.tag)) {
    response.status = 304;
    response.contentType.clear();
    return response;
  }
  response.contentType = contentType;
  response.open = text.bytes;
  return response;
}

std::vector<base::Bytes> authorities(const Api& api) {
  return api.pki != nullptr ? api.pki->status().authorities() : std::vector<base::Bytes>();
}

Response certificateResponse(const Call& call, std::string_view contentType, base::Bytes body) {
  const Published::Text text{std::make_shared<const base::Bytes>(std::move(body)), {}};
  return cached(call.request, contentType, {text.bytes, entityTag(*text.bytes)}, base::Time{});
}

Response noList() { return problem(404, "not_found", "there is no such list at the moment"); }

// What stands for {number}; 0, which no authority has, where that is none.
std::int64_t numberIn(const Call& call) {
  std::int64_t number = 0;
  const char* const end = call.name.data() + call.name.size();
  const auto read = std::from_chars(call.name.data(), end, number);
  return read.ec == std::errc() && read.ptr == end && number > 0 ? number : 0;
}

// Number 0: of the current authority.
Response listOf(Call& call, Published::Form form, std::int64_t number) {
  if (call.api.pki == nullptr) return notThere(call.api);
  const auto& status = call.api.pki->status();
  const auto list = form == Published::Form::Delta ? status.delta(number) : status.full(number);
  if (!list && authorities(call.api).empty()) return notThere(call.api);
  if (!list) return noList();
  return cached(call.request, "application/pkix-crl", call.api.published->of(form, number, list),
                list->times.thisUpdate);
}

Response numberedList(Call& call, Published::Form form) {
  const std::int64_t number = numberIn(call);
  return number == 0 ? noList() : listOf(call, form, number);
}

// One of the certificates of the authority that the path names.
Response numberedCertificate(Call& call, base::Bytes kms::pki::PublishedAuthority::*which) {
  if (call.api.pki == nullptr) return notThere(call.api);
  auto one = call.api.pki->status().published(numberIn(call));
  if (!one || ((*one).*which).empty()) return problem(404, "not_found", "there is no such certificate");
  return certificateResponse(call, "application/pkix-cert", std::move((*one).*which));
}

void answerCmp(kms::pki::CmpServer& cmp, base::BytesView request, const Respond& respond) {
  cmp.handle(request, [respond](base::Result<kms::pki::CmpAnswer> answer) {
    respondWith(respond, [&] {
      if (!answer) return problem(answer.error());
      Response response = openResponse("application/pkixcmp", std::move(answer->message));
      response.delay = answer->delay;
      return response;
    });
  });
}

Response ocspResponse(const Call& call, base::BytesView query) {
  if (call.api.pki == nullptr) return notThere(call.api);
  return openResponse("application/ocsp-response", call.api.pki->status().ocsp(query));
}

}  // namespace

void getCaCertificate(Call& call, const Respond& respond) {
  auto all = authorities(call.api);
  if (all.empty()) return respond(notThere(call.api));
  respond(certificateResponse(call, "application/pkix-cert", std::move(all.front())));
}

void getCaPem(Call& call, const Respond& respond) {
  if (authorities(call.api).empty()) return respond(notThere(call.api));
  std::string text;
  for (const base::Bytes& one : bundleOf(call.api.pki->status().published()))
    text += kms::pki::pem("CERTIFICATE", one);
  const base::BytesView bytes = base::asBytes(text);
  respond(certificateResponse(call, kPem, {bytes.begin(), bytes.end()}));
}

void getNumberedCa(Call& call, const Respond& respond) {
  respond(numberedCertificate(call, &kms::pki::PublishedAuthority::certificate));
}

void getNewWithOld(Call& call, const Respond& respond) {
  respond(numberedCertificate(call, &kms::pki::PublishedAuthority::newWithOld));
}

void getOldWithNew(Call& call, const Respond& respond) {
  respond(numberedCertificate(call, &kms::pki::PublishedAuthority::oldWithNew));
}

void getCrl(Call& call, const Respond& respond) { respond(listOf(call, Published::Form::Full, 0)); }

// Every authority's, since programs that take PEM take several, too.
void getCrlPem(Call& call, const Respond& respond) {
  if (authorities(call.api).empty()) return respond(notThere(call.api));
  const auto lists = call.api.pki->status().fullLists();
  if (lists.empty()) return respond(noList());
  const auto newest = std::ranges::max(lists, {}, [](const auto& list) { return list->times.thisUpdate; });
  respond(cached(call.request, kPem, call.api.published->asPem(lists), newest->times.thisUpdate));
}

void getDeltaCrl(Call& call, const Respond& respond) { respond(listOf(call, Published::Form::Delta, 0)); }

void getNumberedCrl(Call& call, const Respond& respond) {
  respond(numberedList(call, Published::Form::Full));
}

void getNumberedDeltaCrl(Call& call, const Respond& respond) {
  respond(numberedList(call, Published::Form::Delta));
}

// RFC 6960, appendix A.1. Some clients double the slash behind /ocsp.
void getOcsp(Call& call, const Respond& respond) {
  std::string_view text = call.name;
  text.remove_prefix(std::min(text.find_first_not_of('/'), text.size()));
  respond(ocspResponse(call, kms::pki::fromBase64(text).value_or(base::Bytes())));
}

void postOcsp(Call& call, const Respond& respond) {
  if (!isOfType(call.request, "application/ocsp-request"))
    return respond(problem(415, "unsupported_media_type", "send the body as application/ocsp-request"));
  respond(ocspResponse(call, base::asBytes(base::view(call.request.body))));
}

// RFC 6712: what CMP refuses is an answer of CMP, with the status 200.
void postCmp(Call& call, const Respond& respond) {
  if (!isOfType(call.request, "application/pkixcmp"))
    return respond(problem(415, "unsupported_media_type", "send the body as application/pkixcmp"));
  auto& cmp = call.api.pki->cmp();
  const base::BytesView body = base::asBytes(base::view(call.request.body));
  if (!kms::pki::CmpServer::takesLong(body)) return answerCmp(cmp, body, respond);
  // Whoever has a name and a port can ask for that, so it keeps one thread busy and no more.
  const bool taken = call.threads.enrolling.run(
      [&cmp, body = base::Bytes(body.begin(), body.end()), respond] { answerCmp(cmp, body, respond); });
  if (!taken)
    respond(problem(503, "unavailable",
                    "too many requests with many iterations wait already; try again, or use at most " +
                        std::to_string(kms::pki::CmpServer::kFewIterations) + " iterations"));
}

}  // namespace kmsd::http
