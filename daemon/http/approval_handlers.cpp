#include <array>
#include <boost/json.hpp>

#include "daemon/http/handlers.h"
#include "daemon/http/requests.h"
#include "daemon/http/secret_json.h"
#include "hal/base/rfc3339.h"

namespace kmsd::http {
namespace {

namespace json = boost::json;
using kms::ApprovalView;

json::object viewObject(const ApprovalView& view) {
  json::array votes;
  for (const kms::ApprovalVote& vote : view.votes)
    votes.push_back(
        json::object{{"by", vote.by}, {"at", base::formatTime(vote.at)}, {"counts", vote.counts}});
  return {{"id", view.id},
          {"kind", approvalKindName(view.kind)},
          {"user", view.user.empty() ? json::value() : json::value(view.user)},
          {"what", view.detail},
          {"asked_by", view.askedBy},
          {"asked_at", base::formatTime(view.askedAt)},
          {"expires_at", base::formatTime(view.expiresAt)},
          {"state", approvalStateName(view.state)},
          {"needed", view.needed},
          {"given", view.given},
          {"approvals", std::move(votes)}};
}

base::SecretText approvalsJson(const kms::Page<ApprovalView>& page) {
  json::array items;
  for (const ApprovalView& view : page.items) items.emplace_back(viewObject(view));
  return secretTextOf(json::object{{"items", std::move(items)},
                                   {"next", page.next ? json::value(*page.next) : json::value()}});
}

Response answerOf(const base::Result<ApprovalView>& view) {
  return view ? jsonResponse(secretTextOf(viewObject(*view))) : problem(view.error());
}

// The routes that change a request take an empty body.
base::Result<void> nothingAsked(const Call& call) {
  if (call.request.body.empty()) return {};
  return parseNothing(base::view(call.request.body));
}

kms::Reply<ApprovalView> viewReply(const Respond& respond) {
  return [respond](const base::Result<ApprovalView>& view) {
    respondWith(respond, [&] { return answerOf(view); });
  };
}

}  // namespace

void getApprovals(Call& call, const Respond& respond) {
  static constexpr std::array<std::string_view, 2> kKnown = {"after", "limit"};
  const auto query = pageQuery(call.request, kKnown);
  if (!query) return respond(problem(query.error()));
  respond(listResponse(
      query->limit,
      [&](std::size_t limit) { return call.api.tokens->approvals().list(call.actor, query->after, limit); },
      approvalsJson));
}

void getApproval(Call& call, const Respond& respond) {
  respond(answerOf(call.api.tokens->approvals().show(call.actor, call.name)));
}

void approveApproval(Call& call, const Respond& respond) {
  if (auto empty = nothingAsked(call); !empty) return respond(problem(empty.error()));
  call.api.tokens->approvals().approve(call.actor, call.name, viewReply(respond));
}

void cancelApproval(Call& call, const Respond& respond) {
  if (auto empty = nothingAsked(call); !empty) return respond(problem(empty.error()));
  call.api.tokens->approvals().cancel(call.actor, call.name, viewReply(respond));
}

}  // namespace kmsd::http
