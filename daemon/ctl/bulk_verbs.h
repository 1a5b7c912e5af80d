// The bulk forms of `token issue`, `token revoke` and `cert revoke`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/cli.h"
#include "daemon/ctl/document.h"

namespace kmsd::ctl {

// What --kind, --ttl, --scope and --uses ask for.
struct IssueOptions {
  std::string kind;
  std::optional<std::int64_t> ttl;  // seconds
  std::vector<std::string> scopes;
  std::optional<std::uint32_t> uses;
};
// Errors: Invalid.
base::Result<IssueOptions> issueOptions(const Parsed& parsed);
void putIssueOptions(const IssueOptions& options, Body& body);

// The name in a line of a list of users. Errors: Invalid (none, or a token), which does not quote the text.
base::Result<std::string> userOfLine(std::string_view text);

// `token issue --users-file F`.
Exit runBulkIssue(const Parsed& parsed);
// `token revoke` with --accessors-file, --tokens-file or --users-file.
bool wantsBulkRevoke(const Parsed& parsed);
Exit runBulkRevoke(const Parsed& parsed);
// `cert revoke --users-file F`.
Exit runBulkCertificateRevoke(const Parsed& parsed);

}  // namespace kmsd::ctl
