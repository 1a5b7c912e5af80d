#include "daemon/http/certificate_json.h"

#include <boost/json.hpp>

#include "daemon/http/secret_json.h"
#include "daemon/key_pem.h"
#include "hal/base/rfc3339.h"
#include "kms/pki/digest.h"

namespace kmsd::http {
namespace {

namespace json = boost::json;
using kms::pki::CertificateState;

std::string hashOf(base::BytesView der) { return base::toHex(kms::pki::sha256(der)); }

std::string certificatePem(base::BytesView der) { return kms::pki::pem("CERTIFICATE", der); }

json::value timeOrNull(base::Time time) {
  return time == base::Time{} ? json::value() : json::value(base::formatTime(time));
}

std::string_view stateName(const kms::pki::CertificateView& view, base::Time now) {
  switch (view.state) {
    case CertificateState::Revoked:
      return "revoked";
    case CertificateState::Held:
      return "held";
    case CertificateState::Unconfirmed:
      return "unconfirmed";
    case CertificateState::Active:
      break;
  }
  return view.notAfter <= now ? "expired" : "active";
}

json::object viewObject(const kms::pki::CertificateView& view, base::Time now) {
  json::object out{{"serial", kms::pki::serialText(view.serial)},
                   {"user", view.user.empty() ? json::value() : json::value(view.user)},
                   {"profile", row(view.profile).name},
                   {"not_before", base::formatTime(view.notBefore)},
                   {"not_after", base::formatTime(view.notAfter)},
                   {"status", stateName(view, now)},
                   {"archived", view.archived}};
  if (view.state == CertificateState::Revoked || view.state == CertificateState::Held) {
    out["reason"] = reasonName(view.reason.value_or(kms::pki::RevocationReason::Unspecified));
    out["revoked_at"] = timeOrNull(view.revokedAt);
  }
  out["certificate"] = certificatePem(view.certificate);
  return out;
}

json::array pemArray(const std::vector<base::Bytes>& certificates) {
  json::array out;
  for (const base::Bytes& der : certificates) out.emplace_back(certificatePem(der));
  return out;
}

json::object issuedObject(const kms::pki::IssuedCertificate& issued) {
  return {{"serial", kms::pki::serialText(issued.serial)},
          {"user", issued.user},
          {"profile", row(issued.profile).name},
          {"not_before", base::formatTime(issued.notBefore)},
          {"not_after", base::formatTime(issued.notAfter)},
          {"status", issued.confirmBy == base::Time{} ? "active" : "unconfirmed"},
          {"confirm_by", timeOrNull(issued.confirmBy)},
          {"certificate", certificatePem(issued.certificate)},
          {"chain", pemArray(issued.chain)},
          {"ca_sha256", issued.chain.empty() ? json::value() : json::value(hashOf(issued.chain.front()))}};
}

// Lists of many pairs have not the links: each would have all of them.
void addLinks(json::object& to, const kms::pki::IssuedCertificate& issued) {
  to["links"] = pemArray(issued.links);
}

json::object pairObject(const kms::pki::KeyPair& pair, const json::storage_ptr& storage) {
  json::object out(issuedObject(pair.certificate), storage);
  out["key"].emplace_string().assign(base::view(keyPem(pair.key.bytes())));  // locked from the start
  return out;
}

base::Result<json::object> authorityObject(const kms::pki::PublishedAuthority& one) {
  const auto parsed = kms::pki::parseCertificate(one.certificate);
  if (!parsed) return parsed.error();
  return json::object{{"number", one.number},
                      {"sha256", hashOf(one.certificate)},
                      {"subject", kms::pki::shownName(parsed->subject)},
                      {"issuer", kms::pki::shownName(parsed->issuer)},
                      {"not_before", base::formatTime(parsed->notBefore)},
                      {"not_after", base::formatTime(parsed->notAfter)}};
}

}  // namespace

base::SecretText certificateJson(const kms::pki::CertificateView& view, base::Time now) {
  return secretTextOf(viewObject(view, now));
}

base::SecretText certificatesJson(const kms::Page<kms::pki::CertificateView>& page, base::Time now) {
  json::array items;
  for (const auto& view : page.items) items.emplace_back(viewObject(view, now));
  return secretTextOf(json::object{{"items", std::move(items)},
                                   {"next", page.next ? json::value(*page.next) : json::value()}});
}

base::SecretText issuedCertificateJson(const kms::pki::IssuedCertificate& issued) {
  json::object out = issuedObject(issued);
  addLinks(out, issued);
  return secretTextOf(out);
}

base::SecretText keyPairJson(const kms::pki::KeyPair& pair) {
  SecretJson document = SecretJson::create();
  json::object out = pairObject(pair, document.storage());
  addLinks(out, pair.certificate);
  document.value() = std::move(out);
  return document.text();
}

base::SecretText keyPairsJson(const kms::Page<kms::pki::KeyPair>& page) {
  SecretJson document = SecretJson::create();
  json::array items(document.storage());
  for (const kms::pki::KeyPair& pair : page.items) items.emplace_back(pairObject(pair, document.storage()));
  json::object out(document.storage());
  out["items"] = std::move(items);
  out["next"] = page.next ? json::value(*page.next) : json::value();
  document.value() = std::move(out);
  return document.text();
}

base::SecretText confirmedJson(const kms::pki::Serial& serial, bool accepted) {
  return secretTextOf(
      json::object{{"serial", kms::pki::serialText(serial)}, {"status", accepted ? "active" : "revoked"}});
}

base::Result<base::SecretText> authorityJson(const std::vector<kms::pki::PublishedAuthority>& all,
                                             const kms::pki::PublishedList* list, base::Time now) {
  auto current = authorityObject(all.front());
  if (!current) return std::move(current).error();
  json::object out = *std::move(current);
  out["certificate"] = certificatePem(all.front().certificate);
  json::array chain{certificatePem(all.front().certificate)};
  for (const base::Bytes& above : all.front().above) chain.emplace_back(certificatePem(above));
  out["chain"] = std::move(chain);
  const auto links = newWithOld(all, now);
  out["links"] = pemArray(links);
  json::array older;
  for (std::size_t i = 1; i < all.size(); ++i) {
    auto one = authorityObject(all[i]);
    if (!one) return std::move(one).error();
    if (i <= links.size()) (*one)["certificate"] = certificatePem(all[i].certificate);
    older.emplace_back(*std::move(one));
  }
  out["older"] = std::move(older);
  out["crl"] = list == nullptr ? json::value()
                               : json::value{{"this_update", base::formatTime(list->times.thisUpdate)},
                                             {"next_update", base::formatTime(list->times.nextUpdate)},
                                             {"bytes", list->der.size()}};
  return secretTextOf(out);
}

base::SecretText authorityRequestJson(base::BytesView request) {
  return secretTextOf(json::object{{"request", kms::pki::pem("CERTIFICATE REQUEST", request)}});
}

}  // namespace kmsd::http
