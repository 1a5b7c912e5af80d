#include "kms/audit/audit.h"
#include "kms/tokens/submit.h"
#include "kms/tokens/token_core.h"
#include "kms/tokens/token_text.h"

namespace kms {
namespace {

// What one look at the store said.
struct Looked {
  std::optional<FoundToken> found;
  TokenView view;  // not active, and nothing else, where nothing was found
};

base::Result<Looked> judge(OpenKeys& keys, base::Result<base::Time> now,
                           base::Result<std::optional<FoundToken>> found) {
  if (!now) return std::move(now).error();
  if (!found) return std::move(found).error();
  Looked out{*std::move(found), {}};
  if (out.found) out.view = viewOf(keys, *out.found, *now);
  return out;
}

base::Result<Looked> look(TokenCore& core, StoreReader& reader, OpenKeys& keys, const Presented& presented) {
  return judge(keys, core.clock.now(reader), resolve(reader, keys, presented));
}

// On this thread, with no write. The keys are let go before it returns.
base::Result<Looked> lookNow(TokenCore& core, const Presented& presented) {
  return guarded([&] {
    return withKeys(core, [&](OpenKeys& keys) -> base::Result<Looked> {
      if (presented.form != Presented::Form::OneTime)
        return judge(keys, core.clock.now(core.store), resolveAlone(core.store, keys, presented));
      Looked out;
      auto done = core.store.read([&](StoreReader& reader) -> base::Result<void> {
        auto looked = look(core, reader, keys, presented);
        if (!looked) return std::move(looked).error();
        out = *std::move(looked);
        return {};
      });
      if (!done) return std::move(done).error();
      return out;
    });
  });
}

// A wrong one-time token: counted, and from the fifth on held back and put on record now and then.
void refuseOneTime(TokenCore& core, const std::string& actor, const std::string& user,
                   Reply<TokenView> reply) {
  countWrong(core, actor, user, [reply = std::move(reply)](std::chrono::seconds delay) {
    TokenView view;
    view.delay = delay;
    reply(std::move(view));
  });
}

// Looks again inside the job, because another caller may have taken the last use since.
base::Result<TokenView> takeUse(TokenCore& core, Txn& txn, OpenKeys& keys, const std::string& actor,
                                const Presented& presented) {
  auto now = core.clock.advance(txn);
  if (!now) return std::move(now).error();
  auto looked = look(core, txn, keys, presented);
  if (!looked) return std::move(looked).error();
  if (!looked->view.active) return TokenView{};
  TokenView view = std::move(looked->view);
  TokenRow& row = looked->found->row;
  view.usesLeft = --row.uses;
  if (row.uses == 0) row.state = TokenState::Used;
  if (auto written = writeToken(txn, keys, row); !written) return std::move(written).error();
  if (row.state == TokenState::Used) {
    auto recorded = record(txn, *now, {Event::TokenUsed, actor, view.accessor, "its last use", view.user});
    if (!recorded) return std::move(recorded).error();
  }
  return view;
}

base::Result<TokenView> useUp(TokenCore& core, Txn& txn, OpenKeys& keys, TokenKind kind,
                              const Presented& presented) {
  auto now = core.clock.advance(txn);
  if (!now) return std::move(now).error();
  auto looked = look(core, txn, keys, presented);
  if (!looked) return std::move(looked).error();
  if (!looked->view.active || looked->view.kind != kind) return TokenView{};
  FoundToken& found = *looked->found;
  found.row.state = TokenState::Used;
  found.row.oneTime.clear();
  if (auto written = writeToken(txn, keys, found.row); !written) return std::move(written).error();
  found.user.pendingUntil = base::Time{};
  if (auto written = writeUser(txn, keys, found.user); !written) return std::move(written).error();
  const TokenView& view = looked->view;
  auto recorded = record(
      txn, *now,
      {Event::TokenUsed, "user " + view.user, view.accessor, std::string(tokenKindName(kind)), view.user});
  if (!recorded) return std::move(recorded).error();
  return std::move(looked->view);
}

base::Error unauthenticated() {
  return {base::Code::Denied, "the bearer token is not valid here", base::Reason::Unauthenticated};
}

}  // namespace

void TokenService::verify(const Actor& by, TokenRef token, Reply<TokenView> reply) {
  auto presented = guarded([&] { return present(std::move(token), core_->policy); });
  if (!presented) return reply(std::move(presented).error());
  auto looked = lookNow(*core_, *presented);
  if (!looked) return reply(std::move(looked).error());
  const bool active = looked->view.active;
  if (presented->form == Presented::Form::Accessor) {
    const bool holder = looked->found && by.user == looked->found->row.user;
    if (by.role < Role::Verifier && !holder)
      return reply(forbidden("verifying a token by its accessor needs the role verifier"));
    return reply(active ? std::move(looked->view) : TokenView{});
  }
  if (presented->form == Presented::Form::OneTime) {
    if (!active) return refuseOneTime(*core_, by.name, presented->user, std::move(reply));
    core_->throttle.forget(presented->user);
    return reply(std::move(looked->view));
  }
  if (!active) return reply(TokenView{});
  if (looked->found->row.uses == 0) return reply(std::move(looked->view));
  submit<TokenView>(
      core_->store,
      [core = core_.get(), actor = by.name, presented = *std::move(presented)](Txn& txn) {
        return withKeys(*core, [&](OpenKeys& keys) { return takeUse(*core, txn, keys, actor, presented); });
      },
      std::move(reply));
}

void TokenService::redeem(const std::string& user, TokenKind kind, base::SecretText token,
                          Reply<TokenView> reply) {
  if (kind == TokenKind::Access || looksLikeAccessToken(base::view(token)))
    return reply(base::Error{base::Code::Invalid, "only a one-time token can be redeemed"});
  auto presented = guarded([&] { return present(TokenRef{std::move(token), {}, user}, core_->policy); });
  if (!presented) return reply(std::move(presented).error());
  auto looked = lookNow(*core_, *presented);
  if (!looked) return reply(std::move(looked).error());
  const std::string actor = "user " + user;
  if (!looked->view.active || looked->view.kind != kind)
    return refuseOneTime(*core_, actor, user, std::move(reply));
  submit<TokenView>(
      core_->store,
      [core = core_.get(), kind, presented = *std::move(presented)](Txn& txn) {
        return withKeys(*core, [&](OpenKeys& keys) { return useUp(*core, txn, keys, kind, presented); });
      },
      [core = core_.get(), actor, user, reply = std::move(reply)](base::Result<TokenView> used) {
        if (used && !used->active) return refuseOneTime(*core, actor, user, reply);
        if (used) core->throttle.forget(user);
        reply(std::move(used));
      });
}

base::Result<Actor> TokenService::authenticate(std::string_view bearer) {
  return guarded([&]() -> base::Result<Actor> {
    auto accessor = accessorIn(bearer);
    if (!accessor) return unauthenticated();
    Presented presented;
    presented.accessor = *std::move(accessor);
    presented.text = base::secretText(bearer);
    auto looked = lookNow(*core_, presented);
    if (!looked) return std::move(looked).error();
    if (!looked->view.active || looked->found->row.uses > 0) return unauthenticated();
    const TokenView& view = looked->view;
    return Actor{"user " + view.user, view.role, view.userId};
  });
}

}  // namespace kms
