// The rules for what users and tokens are described by. Pure functions; each error is one sentence that names
// the limit and may be shown as it is.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "hal/base/result.h"
#include "kms/tokens/actor.h"
#include "kms/tokens/policy.h"

namespace kms {

// 1 to policy.nameMost bytes of UTF-8, no control characters, no blank at either end.
base::Result<void> checkUserName(std::string_view name, const Policy& policy);
// Empty, or LOCAL@DOMAIN in ASCII: at most 64 and 254 characters (RFC 5321, section 4.5.3.1).
base::Result<void> checkMail(std::string_view mail);
// Letters, digits and inner hyphens, labels of at most 63 and names of at most 253 characters (RFC 1123,
// section 2.1). No wildcard, no final dot, no address.
base::Result<void> checkDnsName(std::string_view name);
base::Result<void> checkDnsNames(const std::vector<std::string>& names, const Policy& policy);
// Empty, or at most 64 characters (X.520, ub-common-name), else as a user's name.
base::Result<void> checkCommonName(std::string_view name);

// Each of [a-z0-9._:/-], at most policy.scopeMost bytes and policy.scopesMost in number, none twice. Words
// that begin with "kms:" are ours: only those that actor.h names are taken.
base::Result<void> checkScopes(const std::vector<std::string>& scopes, const Policy& policy);
// The most that these scopes let their bearer do here. REQUIRES: checked scopes.
Role scopeRole(const std::vector<std::string>& scopes) noexcept;
// Whether any scope is for this server's own API.
bool hasOwnScope(const std::vector<std::string>& scopes) noexcept;

// At least a second, at most `most`.
base::Result<void> checkTtl(std::chrono::seconds ttl, std::chrono::seconds most);

}  // namespace kms
