#include <array>
#include <iostream>

#include "daemon/ctl/output.h"
#include "daemon/ctl/remote.h"
#include "daemon/ctl/verbs.h"
#include "daemon/pin_file.h"
#include "daemon/terminal.h"
#include "hal/base/clock.h"
#include "hal/base/file.h"
#include "hal/base/rfc3339.h"

namespace kmsd::ctl {
namespace {

using base::Code;
using base::Error;

constexpr std::size_t kPwdMost = 64;  // bytes: 14 characters, with dashes and blanks
constexpr const char* kPinQuestion = "PIN of the card:";
constexpr std::size_t kPassphraseMost = 1024;  // bytes
constexpr const char* kKeyQuestion = "The 14 characters of the key, or a share with its number (2:...):";

// With how long that is from now.
std::string withHours(const std::string& until) {
  const auto time = base::parseTime(until);
  if (!time) return until;
  const auto left = std::chrono::floor<std::chrono::hours>(*time - base::systemClock().now()).count();
  if (left < 0) return until + " (it has run out)";
  return until + " (" + std::to_string(left) + (left == 1 ? " hour" : " hours") + " left)";
}

Exit printStatus(const Parsed& parsed, const Document& status) {
  if (parsed.has("json")) return printSecretLine(status.json());
  const std::string reason = status.text("reason");
  std::cout << formatFields({{"state", status.text("state") + (reason.empty() ? "" : " (" + reason + ")")},
                             {"detail", status.text("detail")},
                             {"event", status.text("event")},
                             {"server", status.text("server")},
                             {"medium", status.text("medium")},
                             {"noted", status.text("medium_epoch")},
                             {"since", status.text("since")},
                             {"CRL until", withHours(status.text("crl_until"))},
                             {"OCSP until", withHours(status.text("ocsp_until"))},
                             {"version", status.text("version")}});
  return Exit::Yes;
}

Exit runStatus(const Parsed& parsed) {
  return callThen(parsed, "GET", "/v1/status", nullptr,
                  [&](const Answer& answer) { return printStatus(parsed, answer.document); });
}

Exit runMedia(const Parsed& parsed) {
  return callThen(parsed, "GET", "/v1/media", nullptr, [&](const Answer& answer) {
    if (parsed.has("json")) return printSecretLine(answer.document.json());
    std::vector<std::vector<std::string>> rows;
    for (const Document& item : answer.document.items()) {
      std::string state = item.flag("present") ? "present" : "empty";
      if (item.flag("write_protected")) state += ", read-only";
      rows.push_back({item.text("uri"), state, item.text("label"), item.text("medium"), item.text("server"),
                      item.text("error")});
    }
    std::cout << formatTable({"SLOT", "STATE", "LABEL", "MEDIUM", "SERVER", "ERROR"}, rows);
    return Exit::Yes;
  });
}

Exit runSeal(const Parsed& parsed) {
  return callThen(parsed, "POST", "/v1/seal", nullptr,
                  [&](const Answer& answer) { return printStatus(parsed, answer.document); });
}

struct Secrets {
  std::optional<base::SecretBuffer> pwd;
  std::optional<base::SecretBuffer> pin;
  std::optional<base::SecretBuffer> passphrase;
};

base::Result<Secrets> readSecrets(const Parsed& parsed) {
  const auto given = [&](std::string_view name) { return parsed.has(name); };
  const bool typing = given("type") || given("typed");
  if (typing && given("pwd-file")) return Error{Code::Invalid, "give --type or --pwd-file, not both"};
  int fromInput = 0;
  if (given("pin") && given("pin-file")) return Error{Code::Invalid, "give --pin or --pin-file, not both"};
  for (const std::string_view name : {"pwd-file", "pin-file", "passphrase-file", "token-file"}) {
    if (given(name) && parsed.text(name) == "-") ++fromInput;
  }
  if (fromInput > 1) return Error{Code::Invalid, "only one secret can be read from standard input"};
  for (const std::string name : {"type", "typed", "pin"})
    if (given(name) && !canAsk())
      return Error{Code::Invalid, "--" + name + " asks at a terminal, and there is none; give --" +
                                      (name == "pin" ? "pin" : "pwd") + "-file F (- reads stdin)"};
  Secrets secrets;
  if (typing) {
    auto typed = askLine(kKeyQuestion, kPwdMost, false);
    if (!typed) return std::move(typed).error();
    secrets.pwd = *std::move(typed);
  }
  if (given("pwd-file")) {
    auto read = base::readSecretFile(parsed.text("pwd-file"), kPwdMost);
    if (!read) return std::move(read).error();
    secrets.pwd = *std::move(read);
  }
  if (given("pin")) {
    auto typed = askLine(kPinQuestion, kMaxPin, false);
    if (!typed) return std::move(typed).error();
    secrets.pin = *std::move(typed);
  }
  if (given("pin-file")) {
    auto read = readPinFile(parsed.text("pin-file"));
    if (!read) return std::move(read).error();
    secrets.pin = std::move(read->pin);
  }
  if (given("passphrase-file")) {
    auto read = base::readSecretFile(parsed.text("passphrase-file"), kPassphraseMost);
    if (!read) return std::move(read).error();
    secrets.passphrase = *std::move(read);
  }
  return secrets;
}

base::Result<Answer> unseal(Remote& remote, const Secrets& secrets, const Parsed& parsed) {
  Body body;
  if (parsed.has("accept-broken-audit")) body.truth("accept_broken_audit", true);
  if (parsed.has("accept-older")) body.truth("accept_older", true);
  if (parsed.has("card")) body.text("card", parsed.text("card"));
  if (parsed.has("last-try")) body.truth("last_try", true);
  if (secrets.pin) body.text("pin", secrets.pin->text());
  if (secrets.pwd) body.text("pwd", secrets.pwd->text());
  if (secrets.passphrase) body.text("passphrase", secrets.passphrase->text());
  return remote.call("POST", "/v1/unseal", &body);
}

Exit runUnseal(const Parsed& parsed) {
  auto remote = Remote::open(parsed);  // before anybody types a secret for a server that is not there
  if (!remote) return fail(remote.error());
  auto secrets = readSecrets(parsed);
  if (!secrets) return fail(secrets.error());
  if (parsed.has("accept-broken-audit") || parsed.has("accept-older"))
    remote->waitLong();  // the whole log is read, and every user
  auto answer = unseal(*remote, *secrets, parsed);
  // Typed shares come one after another, and a slip of the keyboard is typed again.
  const bool typing = parsed.has("type") || parsed.has("typed");
  while (answer && typing && (answer->code() == "shares_needed" || answer->code() == "damaged")) {
    std::cerr << answer->document.text("detail") << "\n";
    auto typed = askLine(kKeyQuestion, kPwdMost, false);
    if (!typed) return fail(typed.error());
    secrets->pwd = *std::move(typed);
    answer = unseal(*remote, *secrets, parsed);
  }
  if (answer && answer->code() == "passphrase_needed" && !secrets->passphrase && canAsk()) {
    auto typed = askLine("Passphrase of the key slot:", kPassphraseMost, false);
    if (!typed) return fail(typed.error());
    secrets->passphrase = *std::move(typed);
    answer = unseal(*remote, *secrets, parsed);
  }
  if (answer && answer->code() == "pin_needed" && !secrets->pin && canAsk()) {
    std::cerr << answer->document.text("detail") << "\n";
    auto typed = askLine(kPinQuestion, kMaxPin, false);
    if (!typed) return fail(typed.error());
    secrets->pin = *std::move(typed);
    answer = unseal(*remote, *secrets, parsed);
  }
  if (!answer) return fail(answer.error());
  return answer->good() ? printStatus(parsed, answer->document) : refused(parsed, *answer);
}

constexpr std::array kUnsealOptions = {
    OptionSpec{
        "type", "",
        "ask for the 14 characters of a key, or for shares one after another, at the terminal, without echo"},
    OptionSpec{"typed", "", "the same as --type"},
    OptionSpec{"pwd-file", "F", "read the 14 characters from this file; - reads stdin"},
    OptionSpec{"pin", "", "ask for the card's PIN at the terminal, without echo"},
    OptionSpec{"pin-file", "F", "read the card's PIN from this file; - reads stdin"},
    OptionSpec{"card", "NUMBER", "give the PIN to this card although it does not show whose key it carries"},
    OptionSpec{"last-try", "", "give the PIN although a wrong one would block the card"},
    OptionSpec{"passphrase-file", "F", "read the slot's passphrase from this file; - reads stdin"},
    OptionSpec{"accept-broken-audit", "",
               "open although the audit log is broken: go on with a new file that says who did so"},
    OptionSpec{"accept-older", "",
               "open the older state of a backup: what was revoked since counts again, and every pending "
               "one-time token is made void"},
};

constexpr std::array kVerbs = {
    VerbSpec{"status",
             "says whether the server is sealed, and why",
             {},
             {},
             "kmsctl status              # for people\n"
             "kmsctl --json status       # for programs",
             runStatus},
    VerbSpec{"media",
             "lists the slots where key media can be, and what is in them",
             {},
             {},
             "kmsctl media               # what is inserted, and where",
             runMedia},
    VerbSpec{"seal",
             "wipes every key from the server's memory",
             {},
             {},
             "kmsctl seal                # opens again with a new insertion, or with unseal",
             runSeal},
    VerbSpec{"unseal",
             "opens the server with the inserted medium, or with a typed key",
             {},
             kUnsealOptions,
             "kmsctl unseal              # with what is inserted now\n"
             "kmsctl unseal --pin        # asks for the PIN of the inserted card\n"
             "kmsctl unseal --type       # asks for the 14 characters, or for shares one after another",
             runUnseal},
};

}  // namespace

std::span<const VerbSpec> serverVerbs() noexcept { return kVerbs; }

}  // namespace kmsd::ctl
