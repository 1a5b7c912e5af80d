// The answer bodies of the API, from the services' types into JSON.
#pragma once

#include <vector>

#include "daemon/keeper.h"
#include "hal/base/secret_pool.h"
#include "kms/tokens/token_service.h"
#include "kms/tokens/user_service.h"

namespace kmsd::http {

// Until when what is given while sealed holds; nothing where there is none.
struct SealedService {
  std::optional<base::Time> crl;
  std::optional<base::Time> ocsp;
};
base::SecretText statusJson(const ServerStatus& status, const SealedService& given);
base::SecretText mediaJson(const std::vector<MediumReport>& media);
base::SecretText userJson(const kms::User& user);
// All throw std::bad_alloc where the text is above SecretPool::kLargest bytes, which only lists can be.
base::SecretText usersJson(const kms::Page<kms::User>& page);
// `authority`: SHA-256 of the certificate of this server's authority; nothing where it has none.
base::SecretText issuedJson(const kms::IssuedToken& token, const std::optional<base::Bytes>& authority);
// {"active": false} and nothing else where it is not.
base::SecretText verifiedJson(const kms::TokenView& view);
// An active access token as OAuth clients see it. Source: RFC 7662, section 2.2.
base::SecretText introspectionJson(const kms::TokenView& view);
// Everything about a token, active or not, for those who manage it.
base::SecretText tokenJson(const kms::TokenView& view);
base::SecretText tokensJson(const kms::Page<kms::TokenView>& page);
// What revoking all tokens of a user answers.
base::SecretText userRevokedJson(const std::string& user);

}  // namespace kmsd::http
