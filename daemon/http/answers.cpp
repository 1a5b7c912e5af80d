#include "daemon/http/answers.h"

#include <boost/json.hpp>

#include "daemon/cli.h"
#include "daemon/http/secret_json.h"
#include "daemon/reasons.h"
#include "hal/base/rfc3339.h"

namespace kmsd::http {
namespace {

namespace json = boost::json;

json::value orNull(const std::string& text) { return text.empty() ? json::value() : json::value(text); }

json::value orNull(const std::optional<base::Uuid>& id) {
  return id && !id->nil() ? json::value(id->text()) : json::value();
}

json::array listOf(const std::vector<std::string>& texts) {
  json::array out;
  for (const std::string& text : texts) out.emplace_back(text);
  return out;
}

json::object userObject(const kms::User& user) {
  return {{"name", user.name},
          {"mail", orNull(user.mail)},
          {"dns", listOf(user.dns)},
          {"common_name", orNull(user.commonName)},
          {"uid", user.uid ? json::value(*user.uid) : json::value()},
          {"role", kms::roleName(user.role)},
          {"created_at", base::formatTime(user.createdAt)},
          {"pending", user.pending}};
}

json::object tokenObject(const kms::TokenView& view) {
  json::object out{{"active", view.active},
                   {"user", view.user},
                   {"kind", kms::tokenKindName(view.kind)},
                   {"scopes", listOf(view.scopes)},
                   {"accessor", view.accessor},
                   {"issued_at", base::formatTime(view.issuedAt)},
                   {"expires_at", base::formatTime(view.expiresAt)}};
  if (view.usesLeft) out["uses_left"] = *view.usesLeft;
  return out;
}

template <class T>
base::SecretText pageJson(const kms::Page<T>& page, json::object (*one)(const T&)) {
  json::array items;
  items.reserve(page.items.size());
  for (const T& item : page.items) items.push_back(one(item));
  return secretTextOf(json::object{{"items", std::move(items)},
                                   {"next", page.next ? json::value(*page.next) : json::value()}});
}

}  // namespace

base::SecretText statusJson(const ServerStatus& status, const SealedService& given) {
  const auto timeOrNull = [](const std::optional<base::Time>& time) {
    return time ? json::value(base::formatTime(*time)) : json::value();
  };
  const bool reasoned = status.sealed && status.reason != base::Reason::None;
  return secretTextOf(
      json::object{{"state", status.sealed ? "sealed" : "unsealed"},
                   {"reason", reasoned ? json::value(rowOf(status.reason).name) : json::value()},
                   {"detail", orNull(status.detail)},
                   {"event", status.event != 0 ? json::value(status.event) : json::value()},
                   {"server", orNull(std::optional(status.server))},
                   {"medium", orNull(status.medium)},
                   {"medium_epoch", orNull(status.mediumEpoch)},
                   {"since", base::formatTime(status.since)},
                   {"crl_until", timeOrNull(given.crl)},
                   {"ocsp_until", timeOrNull(given.ocsp)},
                   {"version", version()}});
}

base::SecretText mediaJson(const std::vector<MediumReport>& media) {
  json::array items;
  for (const MediumReport& report : media) {
    items.push_back(json::object{{"uri", report.uri},
                                 {"driver", report.driver},
                                 {"slot", report.slot},
                                 {"present", report.present},
                                 {"server", orNull(report.server)},
                                 {"medium", orNull(report.medium)},
                                 {"label", orNull(report.label)},
                                 {"write_protected", report.writeProtected},
                                 {"error", orNull(report.error)}});
  }
  return secretTextOf(json::object{{"items", std::move(items)}, {"next", nullptr}});
}

base::SecretText userJson(const kms::User& user) { return secretTextOf(userObject(user)); }
base::SecretText usersJson(const kms::Page<kms::User>& page) { return pageJson(page, userObject); }

base::SecretText issuedJson(const kms::IssuedToken& token, const std::optional<base::Bytes>& authority) {
  SecretJson document = SecretJson::create();
  const json::storage_ptr& storage = document.storage();
  json::object out(storage);
  // In its place from the start: a short string lives within its value, and one made elsewhere would be left
  // there.
  out["token"].emplace_string().assign(base::view(token.token));
  out["accessor"] = token.accessor;
  out["user"] = token.user;
  out["kind"] = kms::tokenKindName(token.kind);
  out["scopes"] = listOf(token.scopes);
  out["issued_at"] = base::formatTime(token.issuedAt);
  out["expires_at"] = base::formatTime(token.expiresAt);
  out["ca_sha256"] = authority ? json::value(base::toHex(*authority)) : json::value();
  document.value() = std::move(out);
  return document.text();
}

base::SecretText verifiedJson(const kms::TokenView& view) {
  if (!view.active) return secretTextOf(json::object{{"active", false}});
  return secretTextOf(tokenObject(view));
}

base::SecretText introspectionJson(const kms::TokenView& view) {
  std::string scope;
  for (const std::string& one : view.scopes) scope += (scope.empty() ? "" : " ") + one;
  json::object out{{"active", true}, {"username", view.user}, {"sub", view.user}, {"token_type", "Bearer"}};
  if (!scope.empty()) out["scope"] = scope;
  out["iat"] = view.issuedAt.time_since_epoch().count();
  out["exp"] = view.expiresAt.time_since_epoch().count();
  out["jti"] = view.accessor;
  return secretTextOf(out);
}

base::SecretText tokenJson(const kms::TokenView& view) { return secretTextOf(tokenObject(view)); }
base::SecretText tokensJson(const kms::Page<kms::TokenView>& page) { return pageJson(page, tokenObject); }

base::SecretText userRevokedJson(const std::string& user) {
  return secretTextOf(json::object{{"user", user}, {"active", false}});
}

}  // namespace kmsd::http
