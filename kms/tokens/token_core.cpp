#include "kms/tokens/token_core.h"

#include <algorithm>

#include "kms/audit/audit.h"
#include "kms/tokens/fields.h"
#include "kms/tokens/token_text.h"

namespace kms {
namespace {

using MaybeFound = base::Result<std::optional<FoundToken>>;

// `From` is a reader or a store.
template <class From>
MaybeFound findByAccessor(From& from, OpenKeys& keys, const std::string& accessor) {
  const auto sequence = keys.sequenceOf(accessor);
  if (!sequence) return std::optional<FoundToken>();  // made up: the database is not asked
  auto row = readToken(from, keys, *sequence);
  if (!row) return std::move(row).error();
  if (!*row) return std::optional<FoundToken>();
  auto user = readUser(from, keys, (*row)->user);
  if (!user) return std::move(user).error();
  return std::optional<FoundToken>(FoundToken{**std::move(row), *std::move(user)});
}

template <class From>
MaybeFound findAccess(From& from, OpenKeys& keys, const Presented& presented) {
  auto found = findByAccessor(from, keys, presented.accessor);
  if (!found || !*found) return found;
  const Mac mac = keys.tokenMacOf((*found)->row.sequence, base::asBytes(base::view(presented.text)));
  if ((*found)->row.kind != TokenKind::Access || !base::equalConstantTime(mac, (*found)->row.mac))
    found->reset();
  return found;
}

// The first rows of their tables stand in for those that are not there, so that the same work is done.
base::Result<std::optional<UserRow>> standInUser(StoreReader& reader, OpenKeys& keys) {
  auto rows = reader.list(Table::Users, 0, 1);
  if (!rows) return std::move(rows).error();
  if (rows->empty()) return std::optional<UserRow>();
  auto row = openUser(keys, rows->front());
  if (!row) return std::move(row).error();
  return std::optional<UserRow>(*std::move(row));
}

base::Result<std::optional<TokenRow>> standInToken(StoreReader& reader, OpenKeys& keys) {
  auto rows = reader.list(Table::Tokens, 0, 1);
  if (!rows) return std::move(rows).error();
  if (rows->empty()) return std::optional<TokenRow>();
  auto row = openToken(keys, rows->front());
  if (!row) return std::move(row).error();
  return std::optional<TokenRow>(*std::move(row));
}

}  // namespace

MaybeFound findPending(StoreReader& reader, OpenKeys& keys, const std::string& name) {
  auto user = findUser(reader, keys, name);
  if (!user) return std::move(user).error();
  const bool known = user->has_value();
  if (!known) user = standInUser(reader, keys);
  if (!user) return std::move(user).error();

  base::Result<std::optional<TokenRow>> row = std::optional<TokenRow>();
  if (known && (*user)->oneTime != 0) row = readToken(reader, keys, (*user)->oneTime);
  if (!row) return std::move(row).error();
  const bool has = row->has_value();
  if (!has) row = standInToken(reader, keys);
  if (!row) return std::move(row).error();

  if (!known || !has || (*row)->kind == TokenKind::Access) return std::optional<FoundToken>();
  if ((*row)->user != (*user)->user.id) return corruptRow("a user's one-time token is another user's");
  return std::optional<FoundToken>(FoundToken{**std::move(row), **std::move(user)});
}

namespace {

MaybeFound findOneTime(StoreReader& reader, OpenKeys& keys, const Presented& presented) {
  auto found = findPending(reader, keys, presented.user);
  if (!found) return found;
  const Mac mac =
      keys.tokenMacOf(*found ? (*found)->row.sequence : 0, base::asBytes(base::view(presented.text)));
  if (!base::equalConstantTime(mac, *found ? (*found)->row.mac : Mac{})) found->reset();
  return found;
}

}  // namespace

void countWrong(TokenCore& core, const std::string& actor, const std::string& user,
                std::function<void(std::chrono::seconds)> then) {
  const auto verdict = core.throttle.wrong(user);
  if (verdict.record == 0) return then(verdict.delay);
  core.store.write(
      [&core, actor, user, tries = verdict.record](Txn& txn) -> base::Result<void> {
        auto now = core.clock.advance(txn);
        if (!now) return std::move(now).error();
        return record(txn, *now,
                      {Event::TokenGuessed, actor, user, std::to_string(tries) + " wrong one-time tokens"});
      },
      [delay = verdict.delay, then = std::move(then)](base::Result<void>) { then(delay); });
}

base::Error forbidden(std::string what) {
  return {base::Code::Denied, std::move(what), base::Reason::Forbidden};
}

base::Result<Presented> present(TokenRef token, const Policy& policy) {
  Presented out;
  const std::string_view text = base::view(token.token);
  if (text.empty() == token.accessor.empty())
    return base::Error{base::Code::Invalid, "name the token either by its text or by its accessor"};
  if (text.empty()) {
    out.form = Presented::Form::Accessor;
    out.accessor = std::move(token.accessor);
    return out;
  }
  if (looksLikeAccessToken(text)) {
    auto accessor = accessorIn(text);
    if (!accessor) return notAToken();
    out.accessor = *std::move(accessor);
    out.text = std::move(token.token);
    return out;
  }
  auto plain = parseOneTimeToken(text);
  if (!plain) return std::move(plain).error();
  if (token.user.empty())
    return base::Error{base::Code::Invalid, "a one-time token needs the name of the user it is for"};
  if (auto good = checkUserName(token.user, policy); !good) return std::move(good).error();
  out.form = Presented::Form::OneTime;
  out.text = *std::move(plain);
  out.user = std::move(token.user);
  return out;
}

MaybeFound resolve(StoreReader& reader, OpenKeys& keys, const Presented& presented) {
  switch (presented.form) {
    case Presented::Form::Access:
      return findAccess(reader, keys, presented);
    case Presented::Form::OneTime:
      return findOneTime(reader, keys, presented);
    case Presented::Form::Accessor:
      return findByAccessor(reader, keys, presented.accessor);
  }
  return std::optional<FoundToken>();
}

MaybeFound resolveAlone(Store& store, OpenKeys& keys, const Presented& presented) {
  if (presented.form == Presented::Form::Access) return findAccess(store, keys, presented);
  return findByAccessor(store, keys, presented.accessor);
}

bool isActive(const FoundToken& found, base::Time now) {
  const auto& claim = found.row.claim;
  if (claim && (claim->implicit || claim->open(now))) return false;
  return found.row.state == TokenState::Active && now < found.row.expires &&
         found.row.sequence >= found.user.revokedBefore;
}

TokenView viewOf(OpenKeys& keys, const FoundToken& found, base::Time now) {
  const TokenRow& row = found.row;
  TokenView view;
  view.active = isActive(found, now);
  view.user = found.user.user.name;
  view.kind = row.kind;
  view.scopes = row.scopes;
  view.accessor = keys.accessor(row.sequence);
  view.issuedAt = row.issued;
  view.expiresAt = row.expires;
  if (row.uses > 0) view.usesLeft = row.uses;
  if (row.kind == TokenKind::Access)
    view.role = std::min({found.user.user.role, scopeRole(row.scopes), row.issuer});
  view.userId = row.user;
  return view;
}

bool isHolderOrIssuer(const Actor& by, const FoundToken& found) {
  return by.role >= Role::Issuer || (by.user && *by.user == found.row.user);
}

}  // namespace kms
