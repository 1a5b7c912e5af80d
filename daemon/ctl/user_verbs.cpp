#include <array>
#include <charconv>
#include <iostream>

#include "daemon/ctl/output.h"
#include "daemon/ctl/remote.h"
#include "daemon/ctl/verbs.h"
#include "daemon/http/target.h"

namespace kmsd::ctl {
namespace {

using base::Code;
using base::Error;

constexpr std::string_view kUsers = "/v1/users";

Fields userFields(const Document& user) {
  return {{"name", user.text("name")},
          {"role", user.text("role")},
          {"uid", user.text("uid")},
          {"mail", user.text("mail")},
          {"dns", join(user.texts("dns"))},
          {"common name", user.text("common_name")},
          {"created", user.text("created_at")},
          {"one-time token", user.flag("pending") ? "pending" : ""}};
}

// The members that `user add` and `user set` share. Errors: Invalid.
base::Result<void> putFields(const Parsed& parsed, Body& body) {
  if (parsed.has("mail")) body.text("mail", parsed.text("mail"));
  if (parsed.has("common-name")) body.text("common_name", parsed.text("common-name"));
  if (parsed.has("role")) body.text("role", parsed.text("role"));
  if (parsed.has("dns")) body.texts("dns", parsed.texts("dns"));
  if (!parsed.has("uid")) return {};
  const std::string& text = parsed.text("uid");
  std::uint32_t uid = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), uid);
  if (failed != std::errc() || end != text.data() + text.size()) {
    return Error{Code::Invalid, "--uid takes a number, not '" + text + "'"};
  }
  body.number("uid", uid);
  return {};
}

Exit addOne(const Parsed& parsed, Remote& remote, const std::string& name, JsonList& added) {
  Body body;
  body.text("name", name);
  if (auto put = putFields(parsed, body); !put) return fail(put.error());
  const auto answer = remote.call("POST", std::string(kUsers), &body);
  if (!answer) return fail(answer.error());
  const bool alone = parsed.arguments().size() == 1;
  if (!answer->good() && alone) return refused(parsed, *answer);
  if (!answer->good()) {
    added.add(name, answer->document);
    return refused(*answer);
  }
  if (parsed.has("json")) {
    added.add(answer->document);
    if (alone) return printSecretLine(answer->document.json());
  } else {
    std::cout << "added " << printable(answer->document.text("name")) << " ("
              << printable(answer->document.text("role")) << ")\n";
  }
  return Exit::Yes;
}

// Several names are a bulk command: each is tried, any failure makes it No, and --json gives a list.
Exit runAdd(const Parsed& parsed) {
  auto remote = Remote::open(parsed);
  if (!remote) return fail(remote.error());
  JsonList added;
  Exit worst = Exit::Yes;
  const bool bulk = parsed.arguments().size() > 1;
  for (const std::string& name : parsed.arguments()) {
    const Exit one = addOne(parsed, *remote, name, added);
    if (one == Exit::Yes) continue;
    worst = bulk ? Exit::No : one;
    if (one == Exit::Unreachable) break;
  }
  if (parsed.has("json") && bulk) std::cout << added.text() << "\n";
  return worst;
}

Exit printUser(const Parsed& parsed, const Document& user) {
  if (parsed.has("json")) return printSecretLine(user.json());
  std::cout << formatFields(userFields(user));
  return Exit::Yes;
}

Exit runSet(const Parsed& parsed) {
  Body body;
  if (auto put = putFields(parsed, body); !put) return fail(put.error());
  if (parsed.has("no-uid") && parsed.has("uid")) return fail(Exit::Usage, "give --uid or --no-uid, not both");
  if (parsed.has("no-dns") && parsed.has("dns")) return fail(Exit::Usage, "give --dns or --no-dns, not both");
  if (parsed.has("no-uid")) body.null("uid");
  if (parsed.has("no-dns")) body.texts("dns", {});
  if (body.empty()) return fail(Exit::Usage, "nothing to set; see 'kmsctl user set --help'");
  return callThen(parsed, "PATCH", std::string(kUsers) + "/" + parsed.arguments().front(), &body,
                  [&](const Answer& answer) { return printUser(parsed, answer.document); });
}

Exit runShow(const Parsed& parsed) {
  return callThen(parsed, "GET", std::string(kUsers) + "/" + parsed.arguments().front(), nullptr,
                  [&](const Answer& answer) { return printUser(parsed, answer.document); });
}

Exit runList(const Parsed& parsed) {
  auto remote = Remote::open(parsed);
  if (!remote) return fail(remote.error());
  JsonList all;
  std::vector<std::vector<std::string>> rows;
  const Exit exit = remote->each(parsed, std::string(kUsers), {}, [&](const Document& user) {
    if (parsed.has("json")) return all.add(user);
    rows.push_back({user.text("name"), user.text("role"), user.text("uid"), user.text("mail"),
                    user.text("created_at"), user.flag("pending") ? "pending" : ""});
  });
  if (exit != Exit::Yes) return exit;
  if (parsed.has("json")) {
    std::cout << all.text() << "\n";
  } else {
    std::cout << formatTable({"NAME", "ROLE", "UID", "MAIL", "CREATED", "ONE-TIME"}, rows);
  }
  return Exit::Yes;
}

constexpr std::array kNames = {ArgumentSpec{"NAME", "a user's name, 1 to 255 bytes of UTF-8", true, true}};
constexpr std::array kName = {ArgumentSpec{"NAME", "the user's name"}};

constexpr std::array kAddOptions = {
    OptionSpec{"mail", "A", "mail address"},
    OptionSpec{"dns", "N", "a DNS name for its certificates", {}, true},
    OptionSpec{"common-name", "T", "common name for its certificates, where it is not the name"},
    OptionSpec{"role",
               "R",
               "what the user may do; the server's default is user",
               {},
               false,
               false,
               false,
               "user verifier issuer admin"},
    OptionSpec{"uid", "N", "the uid of this host that is this user on the socket"},
};
constexpr std::array kSetOptions = {
    kAddOptions[0], kAddOptions[1], OptionSpec{"no-dns", "", "take all DNS names away"}, kAddOptions[2],
    kAddOptions[3], kAddOptions[4], OptionSpec{"no-uid", "", "take the uid away"},
};

constexpr std::array kVerbs = {
    VerbSpec{"user add", "adds people or machines", kNames, kAddOptions,
             "kmsctl user add alice --mail alice@example.org     # may present the own tokens\n"
             "kmsctl user add web1 --dns web1.example.org --dns www.example.org\n"
             "kmsctl user add backup-job --role issuer --uid 998 # uid 998 of this host may issue tokens",
             runAdd},
    VerbSpec{"user set", "changes a user; what is not named stays", kName, kSetOptions,
             "kmsctl user set alice --role issuer   # may issue tokens from now on\n"
             "kmsctl user set backup-job --no-uid   # the uid means nobody again",
             runSet},
    VerbSpec{"user list",
             "lists all users",
             {},
             {},
             "kmsctl user list           # all, a line each\n"
             "kmsctl --json user list    # for programs",
             runList},
    VerbSpec{"user show",
             "shows one user",
             kName,
             {},
             "kmsctl user show alice     # exit code 1: there is no such user",
             runShow},
};

}  // namespace

std::span<const VerbSpec> userVerbs() noexcept { return kVerbs; }

}  // namespace kmsd::ctl
