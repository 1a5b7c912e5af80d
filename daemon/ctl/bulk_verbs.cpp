#include "daemon/ctl/bulk_verbs.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "daemon/ctl/bulk_lost.h"
#include "daemon/ctl/bulk_run.h"
#include "daemon/ctl/output.h"
#include "kms/tokens/fields.h"
#include "kms/tokens/token_text.h"

namespace kmsd::ctl {
namespace {

using base::Code;
using base::Error;
using base::Result;

constexpr std::size_t kAccessorLength = 26;

// What the line is not, without a word of the line: it may be a token.
Error notA(const char* what, std::string_view text) {
  std::string why = std::string("not ") + what;
  if (text.find('\t') != text.npos)
    why += "; this looks like a line of --output; take its accessors from column 3 of the report";
  return Error{Code::Invalid, why};
}

// Whether this can hardly be anything but a token as it is shown, even one with a slip in it.
bool seemsToken(std::string_view text) {
  const auto all = [](std::string_view part, std::string_view of) {
    return part.find_first_not_of(of) == part.npos;
  };
  constexpr std::string_view kBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  constexpr std::string_view kBase32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  constexpr std::size_t kMuch = kms::kAccessLength * 2 / 3;  // of an access token that was cut short
  if (kms::looksLikeAccessToken(text)) return text.size() >= kMuch && all(text, kBase64);
  return text.size() == 14 && text[4] == '-' && text[9] == '-' && all(text.substr(0, 4), kBase32) &&
         all(text.substr(5, 4), kBase32) && all(text.substr(10), kBase32);
}

Result<std::string> accessorOf(std::string_view text) {
  const auto sound = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
  };
  if (text.size() != kAccessorLength || !std::all_of(text.begin(), text.end(), sound))
    return notA("an accessor (26 letters and digits)", text);
  return std::string(text);
}

// Of an access token, from its text, so that no report has to hold a token.
Result<std::string> accessorOfToken(std::string_view text) {
  auto accessor = kms::accessorIn(text);
  if (!accessor) return notA("an access token; one-time tokens are revoked by their accessors", text);
  return *std::move(accessor);
}

// Standard input can be one thing only, and what would overwrite another file is a slip.
Result<void> checkFiles(const Parsed& parsed, const std::string& list) {
  const auto usage = [](const char* what) { return Error{Code::Invalid, what}; };
  if (list == "-" && parsed.text("token-file") == "-")
    return usage("standard input can be the list or the token of --token-file, not both");
  if (parsed.has("json") && parsed.has("output"))
    return usage("--output holds plain lines; leave --json out");
  if (parsed.has("report") &&
      (parsed.text("report") == list || parsed.text("report") == parsed.text("output")))
    return usage("the report needs a file of its own");
  if (parsed.has("output") && parsed.text("output") == list)
    return usage("the output needs a file of its own");
  return {};
}

// What a restart must ask for as well.
std::string headingOf(const IssueOptions& options) {
  std::string heading = "token issue --kind " + options.kind;
  if (options.ttl) heading += " --ttl " + std::to_string(*options.ttl);
  for (const std::string& scope : options.scopes) heading += " --scope " + printable(scope);
  if (options.uses) heading += " --uses " + std::to_string(*options.uses);
  return heading;
}

}  // namespace

Result<std::string> userOfLine(std::string_view text) {
  // A list of tokens must not get into a report as a list of users.
  if (seemsToken(text))
    return Error{Code::Invalid,
                 "not a user name but what seems to be a token; name a user who is called so with --user"};
  if (!kms::checkUserName(text, kms::Policy{})) return notA("a user name", text);
  return std::string(text);
}

Result<IssueOptions> issueOptions(const Parsed& parsed) {
  IssueOptions options;
  options.kind = parsed.text("kind");
  if (parsed.has("ttl")) {
    const auto ttl = parseSpan(parsed.text("ttl"));
    if (!ttl) return Error{Code::Invalid, "--ttl: " + ttl.error().what};
    options.ttl = ttl->count();
  }
  if (parsed.has("scope")) options.scopes = parsed.texts("scope");
  if (parsed.has("uses")) {
    const std::string& text = parsed.text("uses");
    std::uint32_t uses = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), uses);
    if (failed != std::errc() || end != text.data() + text.size() || uses == 0)
      return Error{Code::Invalid, "--uses takes a number from 1, not '" + text + "'"};
    options.uses = uses;
  }
  return options;
}

void putIssueOptions(const IssueOptions& options, Body& body) {
  body.text("kind", options.kind);
  if (options.ttl) body.number("ttl", *options.ttl);
  if (!options.scopes.empty()) body.texts("scopes", options.scopes);
  if (options.uses) body.number("uses", *options.uses);
}

Exit runBulkIssue(const Parsed& parsed) {
  BulkVerb verb;
  verb.list = parsed.text("users-file");
  if (auto good = checkFiles(parsed, verb.list); !good) return fail(good.error());
  auto options = issueOptions(parsed);
  if (!options) return fail(options.error());
  // Said outright, so that a token of a lost batch can be told from others by its span.
  if (options->kind == "access" && !options->ttl) options->ttl = kms::Policy{}.accessTtl.count();
  verb.path = "/v1/tokens/bulk";
  verb.member = "users";
  verb.called = "user";
  verb.done = "issued";
  verb.heading = headingOf(*options);
  verb.issues = true;
  verb.idOf = userOfLine;
  verb.fill = [options = *options](Body& body) { putIssueOptions(options, body); };
  // A new one-time token voids the lost one by itself.
  if (options->kind == "access") {
    const LostSearch search{*options, parsed.text("server").starts_with("unix:")};
    verb.settle = [search](Remote& remote, BulkReport& report, const Unanswered& users,
                           const Interrupt& stop) { return revokeLost(remote, report, users, stop, search); };
  }
  return BulkRun(parsed, std::move(verb)).run();
}

bool wantsBulkRevoke(const Parsed& parsed) {
  return parsed.has("accessors-file") || parsed.has("tokens-file") || parsed.has("users-file");
}

Exit runBulkRevoke(const Parsed& parsed) {
  struct Kind {
    std::string_view option;
    std::string_view member;
    std::string_view called;
    Result<std::string> (*idOf)(std::string_view);
  };
  static constexpr std::array kKinds = {
      Kind{"accessors-file", "accessors", "accessor", accessorOf},
      Kind{"tokens-file", "tokens", "accessor", accessorOfToken},
      Kind{"users-file", "users", "user", userOfLine},
  };
  const Kind* chosen = nullptr;
  for (const Kind& kind : kKinds) {
    if (!parsed.has(kind.option)) continue;
    if (chosen != nullptr) return fail(Exit::Usage, "give one list only");
    chosen = &kind;
  }
  if (chosen == nullptr) return fail(Exit::Usage, "give a list");
  if (!parsed.arguments().empty() || parsed.has("accessor") || parsed.has("user"))
    return fail(Exit::Usage, "give a list, or one token, not both");
  BulkVerb verb;
  verb.list = parsed.text(chosen->option);
  if (auto good = checkFiles(parsed, verb.list); !good) return fail(good.error());
  verb.path = "/v1/tokens/bulk-revoke";
  verb.member = chosen->member;
  verb.called = chosen->called;
  verb.done = "revoked";
  verb.heading = "token revoke --" + std::string(chosen->option);
  verb.idOf = chosen->idOf;
  verb.fill = [](Body&) {};
  return BulkRun(parsed, std::move(verb)).run();
}

Exit runBulkCertificateRevoke(const Parsed& parsed) {
  if (!parsed.arguments().empty()) return fail(Exit::Usage, "give SERIAL or --users-file, not both");
  const std::string& reason = parsed.text("reason");
  if (reason == "hold" || reason == "release")
    return fail(Exit::Usage, "--reason " + reason + " takes one certificate, by its serial number");
  BulkVerb verb;
  verb.list = parsed.text("users-file");
  if (auto good = checkFiles(parsed, verb.list); !good) return fail(good.error());
  verb.path = "/v1/certificates/bulk-revoke";
  verb.member = "users";
  verb.called = "user";
  verb.done = "revoked";
  verb.count = "certificates";
  verb.heading = "cert revoke --users-file --reason " + reason;
  verb.idOf = userOfLine;
  verb.fill = [reason](Body& body) { body.text("reason", reason); };
  return BulkRun(parsed, std::move(verb)).run();
}

}  // namespace kmsd::ctl
