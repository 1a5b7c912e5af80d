#include "daemon/http/requests.h"

#include "daemon/http/members.h"
#include "daemon/passphrase.h"
#include "daemon/pin_file.h"
#include "hal/base/utf8.h"

namespace kmsd::http {
namespace {

using base::Code;

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
  if (auto typed = members.secret("passphrase")) {
    auto words = normalPassphrase(typed->bytes());
    if (words) {
      request.passphrase = *std::move(words);
    } else {
      members.fail(std::move(words).error());
    }
  }
  request.pin.pin = members.secret("pin");
  if (request.pin.pin && !isPin(request.pin.pin->text()))
    members.fail({Code::Invalid, "\"pin\" is one line of 1 to 64 bytes"});
  request.pin.card = members.text("card").value_or("");
  request.pin.lastTry = members.flag("last_try");
  request.acceptBrokenAudit = members.flag("accept_broken_audit");
  request.acceptOlder = members.flag("accept_older");
  return members.finish(std::move(request));
}

base::Result<bool> parseAuditVerify(std::string_view body) {
  Members members(SecretJson::parse(body));
  const bool store = members.flag("store");
  return members.finish(store);
}

base::Result<void> parseNothing(std::string_view body) { return Members(SecretJson::parse(body)).end(); }

}  // namespace kmsd::http
