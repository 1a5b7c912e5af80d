// The bodies of bulk requests, from JSON into the services' types. As strict as requests.h.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "hal/base/result.h"
#include "kms/pki/crl.h"
#include "kms/tokens/token_service.h"

namespace kmsd::http {

// {"users", "kind" ("access" where absent), "ttl" (seconds), "scopes", "uses"}
base::Result<kms::BulkIssueRequest> parseBulkIssue(std::string_view body);

// {"accessors"}, {"tokens"} or {"users"}: exactly one of them. Of these the one list is filled that was
// given: `tokens` for accessors and token texts, `users` for every token of each.
struct BulkRevocation {
  std::vector<kms::TokenRef> tokens;
  std::vector<std::string> users;
};
base::Result<BulkRevocation> parseBulkRevocation(std::string_view body);

// {"users", "reason" ("unspecified" where absent)}
struct BulkCertificateRevocation {
  std::vector<std::string> users;
  kms::pki::RevocationReason reason = kms::pki::RevocationReason::Unspecified;
};
base::Result<BulkCertificateRevocation> parseBulkCertificateRevocation(std::string_view body);

}  // namespace kmsd::http
