// Users who move to another server, and those who come from one. All of it waits for the disk, and some of
// it makes keys.
#include <algorithm>
#include <boost/json.hpp>

#include "daemon/http/background.h"
#include "daemon/http/handlers.h"
#include "daemon/http/members.h"
#include "daemon/http/requests.h"
#include "daemon/pki_services.h"
#include "kms/pki/base64.h"
#include "kms/pki/digest.h"
#include "kms/pki/user_move.h"

namespace kmsd::http {
namespace {

namespace json = boost::json;
using base::Code;
using base::Error;
using kms::pki::Thumbprint;

struct ExportWish {
  std::string user;
  base::Bytes recipient;
  std::string after;
};

// {"user", "recipient", "after"}: PEM of one certificate, and what "next" said, where this is no first call
base::Result<ExportWish> parseExport(std::string_view body) {
  Members members(SecretJson::parse(body));
  ExportWish out;
  out.user = members.needed("user");
  out.after = members.text("after").value_or("");
  auto certificates = kms::pki::parsePemCertificates(members.needed("recipient"));
  if (!certificates || certificates->size() != 1) {
    members.fail({Code::Invalid, "\"recipient\" must be one certificate in PEM"});
  } else {
    out.recipient = std::move(certificates->front().der);
  }
  return members.finish(std::move(out));
}

// {"receipt"}: base64
base::Result<base::Bytes> parseReceipt(std::string_view body) {
  Members members(SecretJson::parse(body));
  auto receipt = kms::pki::fromBase64(members.needed("receipt"));
  if (!receipt) members.fail({Code::Invalid, "\"receipt\" must be base64"});
  return members.finish(receipt.value_or(base::Bytes{}));
}

struct ImportWish {
  Thumbprint source{};
  kms::Role most = kms::Role::User;
};

std::optional<unsigned> digit(char c) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  const auto at = kDigits.find(c);
  return at == kDigits.npos ? std::nullopt : std::optional(static_cast<unsigned>(at));
}

// "source" (64 hexadecimal digits) and "role" of the query.
base::Result<ImportWish> importWish(const Request& request) {
  ImportWish out;
  bool known = false;
  for (const auto& [name, value] : request.query) {
    if (name == "role") {
      const auto role = kms::parseRole(value);
      if (!role) return Error{Code::Invalid, "role= is admin, issuer, verifier or user"};
      out.most = *role;
    } else if (name == "source") {
      known = value.size() == 2 * out.source.size();
      for (std::size_t i = 0; known && i < out.source.size(); ++i) {
        const auto high = digit(value[2 * i]);
        const auto low = digit(value[2 * i + 1]);
        known = high && low;
        if (known) out.source[i] = static_cast<std::byte>(*high * 16 + *low);
      }
    } else {
      return Error{Code::Invalid, "the query takes source= and role=", base::Reason::UnknownField};
    }
  }
  if (known) return out;
  return Error{Code::Invalid, "source= must be the SHA-256 of the other authority's certificate"};
}

Response answer(const json::object& object, int status = 200) {
  return jsonResponse(secretTextOf(object), status);
}

template <class Work>
void inBackground(Call& call, const Respond& respond, Work work) {
  const bool taken = call.threads.keys.run(
      [respond, work = std::move(work)]() mutable { respondWith(respond, [&] { return work(); }); });
  if (!taken) respond(problem(503, "unavailable", "too many wait for a key, or the server stops; try again"));
}

Response exported(kms::pki::UserMove& move, const kms::Actor& by, const ExportWish& wish) {
  const auto out = move.exportUser(by, wish.user, wish.recipient, wish.after);
  if (!out) return problem(out.error());
  return answer({{"user", wish.user},
                 {"next", out->next ? json::value(*out->next) : json::value()},
                 {"package", kms::pki::toBase64(out->package)},
                 {"source", base::toHex(out->source)},
                 {"certificates", out->certificates},
                 {"keys", out->keys}});
}

Response imported(kms::pki::UserMove& move, const kms::Actor& by, base::BytesView package,
                  const ImportWish& wish) {
  const auto out = move.importUser(by, package, wish.source, wish.most);
  if (!out) return problem(out.error());
  return answer(
      {{"user", out->name},
       {"role", kms::roleName(out->role)},
       {"certificates", out->certificates},
       {"keys", out->keys},
       {"again", out->again},
       {"receipt", out->receipt.empty() ? json::value() : json::value(kms::pki::toBase64(out->receipt))}},
      out->again ? 200 : 201);
}

}  // namespace

void postUserExport(Call& call, const Respond& respond) {
  auto wish = parseExport(base::view(call.request.body));
  if (!wish) return respond(problem(wish.error()));
  inBackground(call, respond, [&move = call.api.pki->move(), by = call.actor, wish = *std::move(wish)] {
    return exported(move, by, wish);
  });
}

void postUserExportConfirm(Call& call, const Respond& respond) {
  auto receipt = parseReceipt(base::view(call.request.body));
  if (!receipt) return respond(problem(receipt.error()));
  inBackground(call, respond, [&move = call.api.pki->move(), by = call.actor, receipt = *std::move(receipt)] {
    const auto out = move.confirm(by, receipt);
    if (!out) return problem(out.error());
    return answer({{"user", out->name},
                   {"certificates", out->revoked.certificates},
                   {"enrol_tokens", out->revoked.tokens}});
  });
}

void postUserImport(Call& call, const Respond& respond) {
  const auto wish = importWish(call.request);
  if (!wish) return respond(problem(wish.error()));
  const auto body = base::asBytes(base::view(call.request.body));
  inBackground(
      call, respond,
      [&move = call.api.pki->move(), by = call.actor, wish = *wish,
       package = base::Bytes(body.begin(), body.end())] { return imported(move, by, package, wish); });
}

void postUserImportCertificate(Call& call, const Respond& respond) {
  if (!call.request.body.empty())
    if (auto empty = parseNothing(base::view(call.request.body)); !empty)
      return respond(problem(empty.error()));
  inBackground(call, respond, [&move = call.api.pki->move(), by = call.actor] {
    const auto der = move.certificate(by);
    if (!der) return problem(der.error());
    return answer({{"certificate", kms::pki::pem("CERTIFICATE", *der)},
                   {"sha256", base::toHex(kms::pki::sha256(*der))}});
  });
}

}  // namespace kmsd::http
