#include <array>
#include <iostream>

#include "daemon/ctl/output.h"
#include "daemon/ctl/remote.h"
#include "daemon/ctl/verbs.h"
#include "daemon/http/target.h"

namespace kmsd::ctl {
namespace {

constexpr std::string_view kApprovals = "/v1/approvals";

std::string pathOf(const Parsed& parsed, std::string_view what) {
  return std::string(kApprovals) + "/" + http::escapeTarget(parsed.arguments().front()) + std::string(what);
}

std::string countOf(const Document& request) {
  return request.text("given") + " of " + request.text("needed");
}

Fields requestFields(const Document& request) {
  Fields fields{{"request", request.text("id")},         {"kind", request.text("kind")},
                {"user", request.text("user")},          {"what", request.text("what")},
                {"asked by", request.text("asked_by")},  {"asked", request.text("asked_at")},
                {"expires", request.text("expires_at")}, {"state", request.text("state")},
                {"approvals", countOf(request)}};
  for (const Document& vote : request.list("approvals"))
    fields.push_back({"", vote.text("by") + " at " + vote.text("at") +
                              (vote.flag("counts") ? "" : " (no administrator any more: does not count)")});
  return fields;
}

Exit printRequest(const Parsed& parsed, const Document& request, const char* first) {
  if (parsed.has("json")) return printSecretLine(request.json());
  std::cout << first << formatFields(requestFields(request));
  return Exit::Yes;
}

Exit runList(const Parsed& parsed) {
  auto remote = Remote::open(parsed);
  if (!remote) return fail(remote.error());
  JsonList all;
  std::vector<std::vector<std::string>> rows;
  const Exit exit = remote->each(parsed, std::string(kApprovals), {}, [&](const Document& one) {
    if (parsed.has("json")) return all.add(one);
    rows.push_back({one.text("id"), one.text("kind"), one.text("user"), one.text("asked_by"),
                    one.text("state"), countOf(one), one.text("expires_at")});
  });
  if (exit != Exit::Yes) return exit;
  if (parsed.has("json")) {
    std::cout << all.text() << "\n";
  } else {
    std::cout << formatTable({"REQUEST", "KIND", "USER", "ASKED BY", "STATE", "AGREED", "EXPIRES"}, rows);
  }
  return Exit::Yes;
}

Exit runShow(const Parsed& parsed) {
  return callThen(parsed, "GET", pathOf(parsed, ""), nullptr,
                  [&](const Answer& answer) { return printRequest(parsed, answer.document, ""); });
}

Exit runApprove(const Parsed& parsed) {
  return callThen(parsed, "POST", pathOf(parsed, "/approve"), nullptr,
                  [&](const Answer& answer) { return printRequest(parsed, answer.document, "approved\n"); });
}

Exit runCancel(const Parsed& parsed) {
  return callThen(parsed, "POST", pathOf(parsed, "/cancel"), nullptr,
                  [&](const Answer& answer) { return printRequest(parsed, answer.document, "cancelled\n"); });
}

constexpr std::array kRequest = {
    ArgumentSpec{"ID", "the request, as the refused command and the list name it"}};

constexpr std::array kVerbs = {
    VerbSpec{"approval list",
             "lists what administrators have asked for that several must agree to",
             {},
             {},
             "kmsctl approval list    # until they expire, a day after the asking",
             runList},
    VerbSpec{"approval show",
             "shows one such request, and who has agreed to it",
             kRequest,
             {},
             "kmsctl approval show 0TBX8R014D2G    # what is asked for, to the word",
             runShow},
    VerbSpec{"approval approve",
             "agrees to a request of another administrator, who repeats his command then",
             kRequest,
             {},
             "kmsctl approval approve 0TBX8R014D2G    # named by the refused 'kmsctl token issue'",
             runApprove},
    VerbSpec{"approval cancel",
             "ends a request, so that nobody can use it any more",
             kRequest,
             {},
             "kmsctl approval cancel 0TBX8R014D2G    # also one that enough have agreed to",
             runCancel},
};

}  // namespace

std::span<const VerbSpec> approvalVerbs() noexcept { return kVerbs; }

}  // namespace kmsd::ctl
