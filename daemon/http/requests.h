// The request bodies of the API, from JSON into the services' types. Strict: a wrong type is Invalid, and so
// is an unknown field, with reason UnknownField and its name. Messages name fields, never their values.
#pragma once

#include <string>
#include <string_view>

#include "daemon/keeper.h"
#include "hal/base/result.h"
#include "kms/tokens/token_service.h"
#include "kms/tokens/user_service.h"

namespace kmsd::http {

struct NewUser {
  std::string name;
  kms::UserChange fields;
};

// {"name", "mail", "dns", "common_name", "role", "uid"}
base::Result<NewUser> parseNewUser(std::string_view body);
// The same without the name; "uid": null clears it.
base::Result<kms::UserChange> parseUserChange(std::string_view body);
// {"user", "kind" ("access" where absent), "ttl" (seconds), "scopes", "uses"}
base::Result<kms::IssueRequest> parseIssue(std::string_view body);
// {"token", "user"} or {"accessor"}
base::Result<kms::TokenRef> parseTokenRef(std::string_view body);

// {"token", "user"}, {"accessor"}, or {"user"} alone: then every token of that user.
struct Revocation {
  kms::TokenRef token;
  bool allOfUser = false;
};
base::Result<Revocation> parseRevocation(std::string_view body);
// {"pwd", "passphrase", "accept_broken_audit", "accept_older"}, all optional
base::Result<UnsealRequest> parseUnseal(std::string_view body);
// {"store"}: compare with the rows of the store too
base::Result<bool> parseAuditVerify(std::string_view body);
// {}
base::Result<void> parseNothing(std::string_view body);

}  // namespace kmsd::http
