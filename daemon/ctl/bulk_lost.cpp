#include "daemon/ctl/bulk_lost.h"

#include <poll.h>

#include <algorithm>

#include "hal/base/rfc3339.h"

namespace kmsd::ctl {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// A batch whose sender is gone may still be on its way through the server for a moment.
constexpr seconds kSettled{3};
constexpr seconds kSameClock{2};     // times are cut to whole seconds
constexpr seconds kOtherClock{300};  // how far the clock of another host may be off
constexpr seconds kLatest{420};      // a server's time never runs back, so it can be up to 5 minutes ahead

constexpr const char* kTokens = "/v1/tokens";

// Until no batch of an earlier run can still be under way: counted from an answer, because a server that
// stood still, however long, goes on with the batches it was sent before.
Exit waitUntilSettled(Remote& remote, const Interrupt& stop) {
  const auto there = remote.call("GET", "/v1/health");
  if (!there) return fail(there.error());
  if (stop.came()) return Exit::Interrupted;
  pollfd wake{stop.fd(), POLLIN, 0};
  ::poll(&wake, 1, static_cast<int>(milliseconds(kSettled).count()));
  return Exit::Yes;
}

// The accessors of the user's lost tokens, into `found`; No where there is no such user.
Exit findLost(Remote& remote, const std::string& user, base::Time sent, const LostSearch& search,
              std::vector<std::string>& found) {
  Query query{{"user", user}};
  for (;;) {
    const auto answer = remote.call("GET", kTokens, nullptr, query);
    if (!answer) return fail(answer.error());
    if (answer->code() == "not_found") return Exit::No;
    if (!answer->good()) return refused(*answer);
    for (const Document& token : answer->document.items())
      if (mayBeLost(token, sent, search)) found.push_back(token.text("accessor"));
    const std::string next = answer->document.text("next");
    if (next.empty()) return Exit::Yes;
    if (next == query["after"]) return fail(Exit::Failed, "the server repeats a page of its list");
    query["after"] = next;
  }
}

Exit revokeOne(Remote& remote, const std::string& accessor) {
  Body body;
  body.text("accessor", accessor);
  const auto answer = remote.call("POST", std::string(kTokens) + "/revoke", &body);
  if (!answer) return fail(answer.error());
  return answer->good() ? Exit::Yes : refused(*answer);
}

}  // namespace

bool mayBeLost(const Document& token, base::Time sent, const LostSearch& search) {
  const auto issued = base::parseTime(token.text("issued_at"));
  const auto expires = base::parseTime(token.text("expires_at"));
  if (!issued || !expires || !token.flag("active") || token.text("kind") != search.asked.kind) return false;
  const seconds slack = search.sameClock ? kSameClock : kOtherClock;
  if (*issued < sent - slack || *issued > sent + kLatest) return false;
  if (search.asked.ttl && *expires - *issued != seconds(*search.asked.ttl)) return false;
  if (search.asked.uses.has_value() == token.text("uses_left").empty()) return false;
  auto asked = search.asked.scopes;
  auto has = token.texts("scopes");
  std::sort(asked.begin(), asked.end());
  std::sort(has.begin(), has.end());
  return asked == has;
}

Exit revokeLost(Remote& remote, BulkReport& report, const Unanswered& users, const Interrupt& stop,
                const LostSearch& search) {
  if (const Exit settled = waitUntilSettled(remote, stop); settled != Exit::Yes) return settled;
  for (const auto& [user, time] : users) {
    if (stop.came()) return Exit::Interrupted;
    const auto sent = base::parseTime(time);
    if (!sent) return fail(Exit::Failed, "the report has no time in the row \"sent\" of " + user);
    std::vector<std::string> lost;
    const Exit looked = findLost(remote, user, *sent, search, lost);
    if (looked != Exit::Yes && looked != Exit::No) return looked;
    for (const std::string& accessor : lost) {
      if (const Exit revoked = revokeOne(remote, accessor); revoked != Exit::Yes) return revoked;
      report.add({"lost", user, accessor, "issued " + time + " or soon after, never answered; revoked"});
    }
    if (lost.empty()) report.add({"lost", user, "-", "asked for " + time + "; no token of that is active"});
    // In one piece for each user: a row tells that all of them are revoked.
    if (auto saved = report.save(); !saved) return fail(saved.error());
  }
  return Exit::Yes;
}

}  // namespace kmsd::ctl
