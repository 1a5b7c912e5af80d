#include <array>
#include <iostream>

#include "daemon/ctl/bulk_verbs.h"
#include "daemon/ctl/output.h"
#include "daemon/ctl/remote.h"
#include "daemon/ctl/verbs.h"
#include "hal/base/file.h"

namespace kmsd::ctl {
namespace {

using base::Code;
using base::Error;

constexpr std::size_t kTokenMost = 4096;  // bytes
constexpr std::string_view kTokens = "/v1/tokens";

Fields tokenFields(const Document& token) {
  return {{"user", token.text("user")},
          {"kind", token.text("kind")},
          {"scopes", join(token.texts("scopes"))},
          {"uses left", token.text("uses_left")},
          {"issued", token.text("issued_at")},
          {"expires", token.text("expires_at")},
          {"accessor", token.text("accessor")}};
}

bool blank(std::string_view text) { return text.find_first_not_of(" \t\r\n") == text.npos; }

// TOKEN or -, or --accessor A; with a token also --user U. Errors: Invalid; those of reading stdin.
base::Result<void> putTokenRef(const Parsed& parsed, Body& body) {
  const bool typed = !parsed.arguments().empty();
  if (typed == parsed.has("accessor")) {
    return Error{Code::Invalid, typed ? "give TOKEN or --accessor, not both"
                                      : "give TOKEN, - for one from stdin, or --accessor"};
  }
  if (parsed.has("user")) body.text("user", parsed.text("user"));
  if (!typed) {
    body.text("accessor", parsed.text("accessor"));
    return {};
  }
  if (parsed.arguments().front() != "-") {
    if (blank(parsed.arguments().front())) return Error{Code::Invalid, "no token was given: TOKEN is empty"};
    body.text("token", parsed.arguments().front());
    return {};
  }
  if (parsed.text("token-file") == "-") {
    return Error{Code::Invalid, "only one token can be read from standard input"};
  }
  const auto read = base::readSecretFile("-", kTokenMost);
  if (!read) return read.error();
  if (blank(read->text())) return Error{Code::Invalid, "no token was given: standard input is empty"};
  body.text("token", read->text());
  return {};
}

Exit printToken(const Parsed& parsed, const Document& token, const char* first) {
  if (parsed.has("json")) return printSecretLine(token.json());
  std::cout << first << "\n" << formatFields(tokenFields(token));
  return Exit::Yes;
}

// The token alone goes to stdout, so that a shell can catch it; what is known of it goes to stderr.
Exit printIssued(const Parsed& parsed, const Document& token) {
  if (parsed.has("json")) return printSecretLine(token.json());
  std::cerr << formatFields(tokenFields(token));
  return printSecretLine(token.secret("token"));
}

Exit runIssue(const Parsed& parsed) {
  if (parsed.has("user") == parsed.has("users-file")) {
    return fail(Exit::Usage, "give --user for one user, or --users-file for a list of them");
  }
  if (parsed.has("users-file")) return runBulkIssue(parsed);
  if (parsed.has("report") || parsed.has("output")) {
    return fail(Exit::Usage, "--report and --output go with --users-file");
  }
  const auto options = issueOptions(parsed);
  if (!options) return fail(options.error());
  Body body;
  body.text("user", parsed.text("user"));
  putIssueOptions(*options, body);
  return callThen(parsed, "POST", std::string(kTokens), &body,
                  [&](const Answer& answer) { return printIssued(parsed, answer.document); });
}

Exit runVerify(const Parsed& parsed) {
  Body body;
  if (auto put = putTokenRef(parsed, body); !put) return fail(put.error());
  return callThen(parsed, "POST", std::string(kTokens) + "/verify", &body, [&](const Answer& answer) {
    const bool active = answer.document.flag("active");
    const Exit printed = printToken(parsed, answer.document, active ? "active" : "not active");
    return printed == Exit::Yes && !active ? Exit::No : printed;
  });
}

Exit runRenew(const Parsed& parsed) {
  Body body;
  if (auto put = putTokenRef(parsed, body); !put) return fail(put.error());
  return callThen(parsed, "POST", std::string(kTokens) + "/renew", &body,
                  [&](const Answer& answer) { return printToken(parsed, answer.document, "renewed"); });
}

Exit runRevoke(const Parsed& parsed) {
  if (wantsBulkRevoke(parsed)) return runBulkRevoke(parsed);
  if (parsed.has("report")) return fail(Exit::Usage, "--report goes with a list");
  Body body;
  const bool allOfUser = parsed.has("user") && parsed.arguments().empty() && !parsed.has("accessor");
  if (allOfUser) {
    body.text("user", parsed.text("user"));
  } else if (auto put = putTokenRef(parsed, body); !put) {
    return fail(put.error());
  }
  return callThen(parsed, "POST", std::string(kTokens) + "/revoke", &body, [&](const Answer& answer) {
    return printToken(parsed, answer.document, allOfUser ? "revoked every token of" : "revoked");
  });
}

Exit runList(const Parsed& parsed) {
  auto remote = Remote::open(parsed);
  if (!remote) return fail(remote.error());
  Query query;
  if (parsed.has("user")) query["user"] = parsed.text("user");
  JsonList all;
  std::vector<std::vector<std::string>> rows;
  const Exit exit = remote->each(parsed, std::string(kTokens), query, [&](const Document& token) {
    if (parsed.has("json")) return all.add(token);
    rows.push_back({token.text("accessor"), token.text("user"), token.text("kind"),
                    token.flag("active") ? "active" : "not active", token.text("issued_at"),
                    token.text("expires_at"), join(token.texts("scopes"))});
  });
  if (exit != Exit::Yes) return exit;
  if (parsed.has("json")) {
    std::cout << all.text() << "\n";
  } else {
    std::cout << formatTable({"ACCESSOR", "USER", "KIND", "STATE", "ISSUED", "EXPIRES", "SCOPES"}, rows);
  }
  return Exit::Yes;
}

constexpr std::array kToken = {ArgumentSpec{
    "TOKEN", "the token; - reads it from stdin, which is safer: other users of this host see arguments",
    false}};

constexpr OptionSpec kAccessor{"accessor", "A", "the token with this accessor"};
constexpr OptionSpec kOwner{"user", "U", "whose it is; needed for enrol and recover tokens"};

constexpr OptionSpec kReport{"report", "F",
                             "with a list: write here what became of each line; run again with it, the "
                             "command goes on where it ended"};

constexpr std::array kIssueOptions = {
    OptionSpec{"user", "U", "whom the token is for"},
    OptionSpec{"users-file", "F",
               "for each user of this list, one a line; - reads it from stdin; prints user, token and "
               "expiry with tabs between them"},
    kReport,
    OptionSpec{"output", "F", "with a list: write the tokens to this file (mode 0600), not to stdout"},
    OptionSpec{"kind", "K", "what it is for", "access", false, false, false, "access enrol recover"},
    OptionSpec{"ttl", "SPAN",
               "how long it holds, such as 90s, 24h or 7d; the server's default is 24h, or 72h for "
               "enrol and recover"},
    OptionSpec{"scope", "S", "what it is good for", {}, true},
    OptionSpec{"uses", "N", "how often it can be verified (access tokens)"},
};
constexpr std::array kRefOptions = {kAccessor, kOwner};
constexpr std::array kRenewOptions = {kAccessor};
constexpr std::array kRevokeOptions = {
    kAccessor,
    OptionSpec{"user", "U", "alone: every token of this user; with TOKEN: whose it is"},
    OptionSpec{"accessors-file", "F", "the tokens with these accessors, one a line; - reads stdin"},
    OptionSpec{"tokens-file", "F", "these access tokens, one a line; - reads stdin"},
    OptionSpec{"users-file", "F", "every token of these users, one a line; - reads stdin"},
    kReport,
};
constexpr std::array kListOptions = {OptionSpec{"user", "U", "only this user's"}};

constexpr std::array kVerbs = {
    VerbSpec{"token issue",
             "issues a token and prints it alone on stdout",
             {},
             kIssueOptions,
             "T=$(kmsctl token issue --user alice)                    # an access token, in a shell\n"
             "kmsctl token issue --user alice --kind enrol --ttl 7d   # a short one, to be used once\n"
             "kmsctl token issue --user ci --scope deploy --uses 1\n"
             "kmsctl token issue --users-file staff --kind enrol --output tokens --report report",
             runIssue},
    VerbSpec{"token verify", "says whether a token is active (exit 0) or not (exit 1)", kToken, kRefOptions,
             "echo \"$T\" | kmsctl token verify -            # not seen by other users of this host\n"
             "kmsctl token verify --accessor 0123456789ABCDEFGHJKMNPQRS",
             runVerify},
    VerbSpec{"token renew", "lets an access token count from now again", kToken, kRenewOptions,
             "echo \"$T\" | kmsctl token renew -    # holds for its whole span again", runRenew},
    VerbSpec{"token revoke", "ends a token, or every token of a user", kToken, kRevokeOptions,
             "echo \"$T\" | kmsctl token revoke -\n"
             "kmsctl token revoke --accessor 0123456789ABCDEFGHJKMNPQRS\n"
             "kmsctl token revoke --user alice            # every token that alice has\n"
             "kmsctl token revoke --users-file leavers --report report\n"
             "awk -F'\\t' '$1 == \"ok\" {print $3}' report | kmsctl token revoke --accessors-file -",
             runRevoke},
    VerbSpec{"token list",
             "lists tokens by their accessors",
             {},
             kListOptions,
             "kmsctl token list --user alice     # accessors, never the tokens",
             runList},
};

}  // namespace

std::span<const VerbSpec> tokenVerbs() noexcept { return kVerbs; }

}  // namespace kmsd::ctl
