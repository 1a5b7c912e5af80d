#include "daemon/http/requests.h"

#include <algorithm>
#include <boost/json.hpp>
#include <limits>

#include "daemon/http/secret_json.h"
#include "daemon/pin_file.h"
#include "hal/base/utf8.h"

namespace kmsd::http {
namespace {

namespace json = boost::json;
using base::Code;
using base::Error;
using base::Reason;

constexpr std::size_t kListMost = 1024;  // items of a list in a request
constexpr std::size_t kNameShown = 64;   // bytes of an unknown field's name that a message repeats

// Takes the members of an object one by one; whatever is left at the end is unknown. That is told first, then
// the first other error.
class Members {
 public:
  explicit Members(base::Result<SecretJson> document) {
    if (!document) {
      fail(std::move(document).error());
      return;
    }
    document_.emplace(*std::move(document));
    object_ = document_->value().if_object();
    if (object_ == nullptr) fail({Code::Invalid, "the body must be a JSON object"});
  }

  bool has(std::string_view name) const { return object_ != nullptr && object_->contains(name); }

  std::optional<std::string> text(std::string_view name) {
    const json::string* found = stringOf(name);
    if (found == nullptr) return std::nullopt;
    return std::string(found->data(), found->size());
  }
  base::SecretText secretText(std::string_view name) {
    const json::string* found = stringOf(name);
    if (found == nullptr) return {};
    return base::secretText({found->data(), found->size()});
  }
  std::optional<base::SecretBuffer> secret(std::string_view name) {
    const json::string* found = stringOf(name);
    if (found == nullptr) return std::nullopt;
    auto copy = base::SecretBuffer::copyOf(base::asBytes({found->data(), found->size()}));
    if (copy) return *std::move(copy);
    fail(std::move(copy).error());
    return std::nullopt;
  }
  std::optional<std::vector<std::string>> texts(std::string_view name) {
    const json::value* value = take(name);
    if (value == nullptr) return std::nullopt;
    const json::array* array = value->if_array();
    const bool sound =
        array != nullptr && array->size() <= kListMost &&
        std::all_of(array->begin(), array->end(), [](const auto& item) { return item.is_string(); });
    if (!sound) {
      fail(wrong(name, "a list of strings"));
      return std::nullopt;
    }
    std::vector<std::string> out;
    for (const json::value& item : *array)
      out.emplace_back(item.get_string().data(), item.get_string().size());
    return out;
  }
  template <class T>
  std::optional<T> number(std::string_view name) {
    const json::value* value = take(name);
    if (value == nullptr) return std::nullopt;
    json::error_code failed;
    const T out = value->to_number<T>(failed);
    if (!failed && !value->is_double()) return out;
    fail(wrong(name, "a whole number from " + std::to_string(std::numeric_limits<T>::min()) + " to " +
                         std::to_string(std::numeric_limits<T>::max())));
    return std::nullopt;
  }
  bool flag(std::string_view name) {
    const json::value* value = take(name);
    if (value == nullptr) return false;
    if (!value->is_bool()) fail(wrong(name, "true or false"));
    return value->is_bool() && value->get_bool();
  }
  // True where the member is there and null.
  bool null(std::string_view name) {
    if (!has(name) || !object_->at(name).is_null()) return false;
    take(name);
    return true;
  }

  void fail(Error error) {
    if (!error_) error_ = std::move(error);
  }

  // Ends the reading. The document goes with `this`.
  template <class T>
  base::Result<T> finish(T value) {
    auto ended = end();
    if (!ended) return std::move(ended).error();
    return value;
  }
  base::Result<void> end() {
    if (object_ == nullptr) return *std::move(error_);
    // First, because a misspelt field also is a needed one that is missing.
    for (const auto& member : *object_) {
      const std::string_view name = member.key();
      if (std::find(taken_.begin(), taken_.end(), name) != taken_.end()) continue;
      return Error{Code::Invalid, "unknown field \"" + std::string(name.substr(0, kNameShown)) + "\"",
                   Reason::UnknownField};
    }
    if (error_) return *std::move(error_);
    return {};
  }

 private:
  static Error wrong(std::string_view name, const std::string& expected) {
    return {Code::Invalid, "\"" + std::string(name) + "\" must be " + expected};
  }

  const json::value* take(std::string_view name) {
    if (!has(name)) return nullptr;
    taken_.push_back(name);
    return &object_->at(name);
  }
  const json::string* stringOf(std::string_view name) {
    const json::value* value = take(name);
    if (value == nullptr) return nullptr;
    if (!value->is_string()) fail(wrong(name, "a string"));
    return value->if_string();
  }

  std::optional<SecretJson> document_;
  const json::object* object_ = nullptr;
  std::vector<std::string_view> taken_;  // the callers' literals
  std::optional<Error> error_;
};

kms::UserChange userFields(Members& members) {
  kms::UserChange fields;
  fields.mail = members.text("mail");
  fields.dns = members.texts("dns");
  fields.commonName = members.text("common_name");
  if (const auto role = members.text("role")) {
    fields.role = kms::parseRole(*role);
    if (!fields.role) members.fail({Code::Invalid, "\"role\" must be admin, issuer, verifier or user"});
  }
  fields.clearUid = members.null("uid");
  if (!fields.clearUid) fields.uid = members.number<std::uint32_t>("uid");
  return fields;
}

kms::TokenRef tokenRef(Members& members) {
  kms::TokenRef ref;
  ref.token = members.secretText("token");
  ref.accessor = members.text("accessor").value_or("");
  ref.user = members.text("user").value_or("");
  if (!ref.token.empty() && !ref.accessor.empty()) {
    members.fail({Code::Invalid, "give \"token\" or \"accessor\", not both"});
  }
  return ref;
}

}  // namespace

base::Result<NewUser> parseNewUser(std::string_view body) {
  Members members(SecretJson::parse(body));
  NewUser user;
  const auto name = members.text("name");
  if (!name) members.fail({Code::Invalid, "\"name\" is needed"});
  user.name = name.value_or("");
  user.fields = userFields(members);
  user.fields.clearUid = false;  // a new user has none
  return members.finish(std::move(user));
}

base::Result<kms::UserChange> parseUserChange(std::string_view body) {
  Members members(SecretJson::parse(body));
  auto fields = userFields(members);
  return members.finish(std::move(fields));
}

base::Result<kms::IssueRequest> parseIssue(std::string_view body) {
  Members members(SecretJson::parse(body));
  kms::IssueRequest request;
  const auto user = members.text("user");
  if (!user) members.fail({Code::Invalid, "\"user\" is needed"});
  request.user = user.value_or("");
  if (const auto kind = members.text("kind")) {
    const auto parsed = kms::parseTokenKind(*kind);
    if (!parsed) members.fail({Code::Invalid, "\"kind\" must be enrol, recover or access"});
    request.kind = parsed.value_or(kms::TokenKind::Access);
  }
  if (const auto ttl = members.number<std::int64_t>("ttl")) request.ttl = std::chrono::seconds(*ttl);
  request.scopes = members.texts("scopes").value_or(std::vector<std::string>());
  request.uses = members.number<std::uint32_t>("uses");
  return members.finish(std::move(request));
}

base::Result<kms::TokenRef> parseTokenRef(std::string_view body) {
  Members members(SecretJson::parse(body));
  auto ref = tokenRef(members);
  if (ref.token.empty() && ref.accessor.empty()) {
    members.fail({Code::Invalid, "\"token\" or \"accessor\" is needed"});
  }
  return members.finish(std::move(ref));
}

base::Result<Revocation> parseRevocation(std::string_view body) {
  Members members(SecretJson::parse(body));
  Revocation revocation{tokenRef(members), false};
  const bool presented = members.has("token") || members.has("accessor");
  if (!presented && revocation.token.user.empty()) {
    members.fail({Code::Invalid, "\"token\", \"accessor\" or \"user\" is needed"});
  } else if (presented && revocation.token.token.empty() && revocation.token.accessor.empty()) {
    // An empty token beside a user must never mean every token of that user.
    members.fail({Code::Invalid, "\"token\" or \"accessor\" is empty"});
  }
  revocation.allOfUser = !presented;
  return members.finish(std::move(revocation));
}

namespace {

// What a card would refuse for its form may cost a try all the same.
bool isPin(std::string_view text) {
  return !text.empty() && text.size() <= kMaxPin && !base::hasControl(text);
}

}  // namespace

base::Result<UnsealRequest> parseUnseal(std::string_view body) {
  Members members(SecretJson::parse(body));
  UnsealRequest request;
  request.pwd = members.secret("pwd");
  request.passphrase = members.secret("passphrase");
  request.pin.pin = members.secret("pin");
  if (request.pin.pin && !isPin(request.pin.pin->text()))
    members.fail({Code::Invalid, "\"pin\" is one line of 1 to 64 bytes"});
  request.pin.card = members.text("card").value_or("");
  request.pin.lastTry = members.flag("last_try");
  request.acceptBrokenAudit = members.flag("accept_broken_audit");
  return members.finish(std::move(request));
}

base::Result<bool> parseAuditVerify(std::string_view body) {
  Members members(SecretJson::parse(body));
  const bool store = members.flag("store");
  return members.finish(store);
}

base::Result<void> parseNothing(std::string_view body) { return Members(SecretJson::parse(body)).end(); }

}  // namespace kmsd::http
