#include "daemon/http/bulk_requests.h"

#include <algorithm>
#include <boost/json.hpp>

#include "daemon/http/secret_json.h"

namespace kmsd::http {
namespace {

namespace json = boost::json;
using base::Code;
using base::Error;
using base::Result;

constexpr std::size_t kItemsMost = 1024;  // of a list; the services' own limits are lower
constexpr std::size_t kNameShown = 64;    // bytes of an unknown field's name that a message repeats

Error wrong(std::string_view name, std::string_view expected) {
  return {Code::Invalid, "\"" + std::string(name) + "\" must be " + std::string(expected)};
}

// The document's object, all of whose members are in `known`.
Result<const json::object*> objectOf(Result<SecretJson>& document, std::span<const std::string_view> known) {
  if (!document) return document.error();
  const json::object* object = document->value().if_object();
  if (object == nullptr) return Error{Code::Invalid, "the body must be a JSON object"};
  for (const auto& member : *object) {
    const std::string_view name = member.key();
    if (std::find(known.begin(), known.end(), name) == known.end())
      return Error{Code::Invalid, "unknown field \"" + std::string(name.substr(0, kNameShown)) + "\"",
                   base::Reason::UnknownField};
  }
  return object;
}

std::string_view textOf(const json::value& value) {
  return {value.get_string().data(), value.get_string().size()};
}

// Calls `add` with each text of a list of strings. An absent list has none.
template <class Add>
Result<void> forEachText(const json::object& object, std::string_view name, Add add) {
  const json::value* value = object.if_contains(name);
  if (value == nullptr) return {};
  const json::array* array = value->if_array();
  if (array == nullptr || array->size() > kItemsMost)
    return wrong(name, "a list of at most " + std::to_string(kItemsMost) + " strings");
  for (const json::value& item : *array) {
    if (!item.is_string()) return wrong(name, "a list of strings");
    add(textOf(item));
  }
  return {};
}

template <class T>
Result<std::optional<T>> numberOf(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  if (value == nullptr) return std::optional<T>();
  json::error_code failed;
  const T number = value->to_number<T>(failed);
  if (failed || value->is_double()) return wrong(name, "a whole number in its range");
  return std::optional<T>(number);
}

Result<kms::TokenKind> kindOf(const json::object& object) {
  const json::value* value = object.if_contains("kind");
  if (value == nullptr) return kms::TokenKind::Access;
  const auto kind = value->is_string() ? kms::parseTokenKind(textOf(*value)) : std::nullopt;
  if (!kind) return wrong("kind", "enrol, recover or access");
  return *kind;
}

}  // namespace

Result<kms::BulkIssueRequest> parseBulkIssue(std::string_view body) {
  static constexpr std::string_view kKnown[] = {"users", "kind", "ttl", "scopes", "uses"};
  auto document = SecretJson::parse(body);
  const auto object = objectOf(document, kKnown);
  if (!object) return object.error();
  kms::BulkIssueRequest request;
  if (!(*object)->contains("users")) return Error{Code::Invalid, "\"users\" is needed"};
  auto users =
      forEachText(**object, "users", [&](std::string_view user) { request.users.emplace_back(user); });
  if (!users) return std::move(users).error();
  auto scopes =
      forEachText(**object, "scopes", [&](std::string_view scope) { request.scopes.emplace_back(scope); });
  if (!scopes) return std::move(scopes).error();
  auto kind = kindOf(**object);
  if (!kind) return std::move(kind).error();
  request.kind = *kind;
  auto ttl = numberOf<std::int64_t>(**object, "ttl");
  if (!ttl) return std::move(ttl).error();
  if (*ttl) request.ttl = std::chrono::seconds(**ttl);
  auto uses = numberOf<std::uint32_t>(**object, "uses");
  if (!uses) return std::move(uses).error();
  request.uses = *uses;
  return request;
}

Result<BulkRevocation> parseBulkRevocation(std::string_view body) {
  static constexpr std::string_view kKnown[] = {"accessors", "tokens", "users"};
  auto document = SecretJson::parse(body);
  const auto object = objectOf(document, kKnown);
  if (!object) return object.error();
  if ((*object)->size() != 1)
    return Error{Code::Invalid, "give exactly one of \"accessors\", \"tokens\" and \"users\""};
  BulkRevocation out;
  auto done = forEachText(**object, "accessors", [&](std::string_view accessor) {
    out.tokens.push_back({{}, std::string(accessor), {}});
  });
  if (done)
    done = forEachText(**object, "tokens", [&](std::string_view token) {
      out.tokens.push_back({base::secretText(token), {}, {}});
    });
  if (done)
    done = forEachText(**object, "users", [&](std::string_view user) { out.users.emplace_back(user); });
  if (!done) return std::move(done).error();
  if (out.tokens.empty() && out.users.empty()) return Error{Code::Invalid, "the list is empty"};
  return out;
}

Result<BulkCertificateRevocation> parseBulkCertificateRevocation(std::string_view body) {
  static constexpr std::string_view kKnown[] = {"users", "reason"};
  auto document = SecretJson::parse(body);
  const auto object = objectOf(document, kKnown);
  if (!object) return object.error();
  BulkCertificateRevocation out;
  if (!(*object)->contains("users")) return Error{Code::Invalid, "\"users\" is needed"};
  auto users = forEachText(**object, "users", [&](std::string_view user) { out.users.emplace_back(user); });
  if (!users) return std::move(users).error();
  if (const json::value* value = (*object)->if_contains("reason"); value != nullptr) {
    const auto reason = value->is_string() ? kms::pki::parseRevocationReason(textOf(*value)) : std::nullopt;
    if (!reason) return wrong("reason", "one of RFC 5280, such as cessation-of-operation");
    out.reason = *reason;
  }
  return out;
}

}  // namespace kmsd::http
