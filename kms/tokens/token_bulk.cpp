// Many tokens in one transaction. Whatever an item can be refused for is found before the first change is
// made for it, so that a refused item leaves nothing behind in the transaction of the others.
#include "kms/tokens/fields.h"
#include "kms/tokens/submit.h"
#include "kms/tokens/token_jobs.h"

namespace kms {
namespace {

using base::Code;
using base::Error;
using base::Result;

Result<void> checkCount(std::size_t count, const Policy& policy) {
  if (count >= 1 && count <= policy.bulkBatch) return {};
  return Error{Code::Invalid, "a bulk request takes 1 to " + std::to_string(policy.bulkBatch) +
                                  " items; this one has " + std::to_string(count)};
}

// Whether the fault is the item's own. Anything else (the keys, the clock, memory, the database) would meet
// the others as well, perhaps half way through a change.
bool isItemsOwn(const Error& error) {
  return error.code == Code::Invalid || error.code == Code::NotFound || error.code == Code::Denied;
}

// Does `one` for each item and keeps what became of each.
template <class T, class Item, class One>
Result<Outcomes<T>> forEach(const std::vector<Item>& items, One one) {
  Outcomes<T> outcomes;
  outcomes.reserve(items.size());
  for (const Item& item : items) {
    Result<T> outcome = one(item);
    if (!outcome && !isItemsOwn(outcome.error())) return std::move(outcome).error();
    outcomes.push_back(std::move(outcome));
  }
  return outcomes;
}

}  // namespace

void TokenService::issueMany(const Actor& by, BulkIssueRequest request, Reply<Outcomes<IssuedToken>> reply) {
  if (auto good = checkCount(request.users.size(), core_->policy); !good)
    return reply(std::move(good).error());
  // What all have in common is checked once, for a name that is always sound.
  IssueRequest common{"user", request.kind, request.ttl, std::move(request.scopes), request.uses};
  if (auto good = checkIssue(by, common, core_->policy); !good) return reply(std::move(good).error());
  if (common.kind == TokenKind::Recover && core_->policy.recoveryApprovals > 1)
    return reply(Error{Code::Denied,
                       "recover tokens need approvals here, so each is asked for on its own, with --user",
                       base::Reason::ApprovalNeeded});
  submit<Outcomes<IssuedToken>>(
      core_->store,
      [core = core_.get(), by, users = std::move(request.users), common = std::move(common)](Txn& txn) {
        return withKeys(*core, [&](OpenKeys& keys) {
          IssueRequest one = common;
          return forEach<IssuedToken>(users, [&](const std::string& user) -> Result<IssuedToken> {
            if (auto good = checkUserName(user, core->policy); !good) return std::move(good).error();
            one.user = user;
            return issueToken(*core, txn, keys, by, one);
          });
        });
      },
      std::move(reply));
}

void TokenService::revokeMany(const Actor& by, std::vector<TokenRef> tokens,
                              Reply<Outcomes<TokenView>> reply) {
  if (auto good = checkCount(tokens.size(), core_->policy); !good) return reply(std::move(good).error());
  auto all = guarded([&]() -> Result<Outcomes<Presented>> {
    Outcomes<Presented> out;
    for (const TokenRef& token : tokens) {
      auto presented = present(token, core_->policy);
      // Guesses at short tokens have to pass the throttle; those who hold one know its accessor.
      if (presented && presented->form == Presented::Form::OneTime)
        presented = Error{Code::Invalid, "in bulk, a one-time token is revoked by its accessor"};
      out.push_back(std::move(presented));
    }
    return out;
  });
  if (!all) return reply(std::move(all).error());
  submit<Outcomes<TokenView>>(
      core_->store,
      [core = core_.get(), by, all = *std::move(all)](Txn& txn) {
        return withKeys(*core, [&](OpenKeys& keys) {
          return forEach<TokenView>(all, [&](const Result<Presented>& one) -> Result<TokenView> {
            if (!one) return one.error();
            return revokeToken(*core, txn, keys, by, *one);
          });
        });
      },
      std::move(reply));
}

void TokenService::revokeUsers(const Actor& by, std::vector<std::string> users, Reply<Outcomes<void>> reply) {
  if (auto good = checkCount(users.size(), core_->policy); !good) return reply(std::move(good).error());
  submit<Outcomes<void>>(
      core_->store,
      [core = core_.get(), by, users = std::move(users)](Txn& txn) {
        return withKeys(*core, [&](OpenKeys& keys) {
          return forEach<void>(users, [&](const std::string& user) -> Result<void> {
            if (auto good = checkUserName(user, core->policy); !good) return std::move(good).error();
            return revokeAllOf(*core, txn, keys, by, user);
          });
        });
      },
      std::move(reply));
}

}  // namespace kms
