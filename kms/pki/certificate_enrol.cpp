// Enrolment by a one-time token. The first request that is accepted claims the token for its key.
#include "kms/pki/certificate_core.h"
#include "kms/tokens/token_text.h"

namespace kms::pki {
namespace {

using base::Result;

enum class Verdict : std::uint8_t { Refused, Again, Fresh };

// What an order is checked for.
struct Bearer {
  Presented presented;
  bool proven = false;
  std::int64_t sequence = 0;  // where proven
  KeyHash key{};
};

struct Judged {
  Verdict verdict = Verdict::Refused;
  std::optional<FoundToken> found;
};

Result<std::optional<FoundToken>> findToken(StoreReader& reader, OpenKeys& keys, const Bearer& bearer) {
  if (!bearer.proven) return resolve(reader, keys, bearer.presented);
  auto found = findPending(reader, keys, bearer.presented.user);
  if (found && *found && (*found)->row.sequence != bearer.sequence) found->reset();
  return found;
}

Verdict judge(const FoundToken& found, const KeyHash& key, base::Time now) {
  const TokenRow& token = found.row;
  if (token.state != TokenState::Active || token.sequence < found.user.revokedBefore) return Verdict::Refused;
  const auto& claim = token.claim;
  if (claim && claim->open(now)) return claim->key == key ? Verdict::Again : Verdict::Refused;
  if (claim && claim->implicit) return Verdict::Refused;
  return now < token.expires ? Verdict::Fresh : Verdict::Refused;
}

Result<Judged> look(StoreReader& reader, OpenKeys& keys, const Bearer& bearer, base::Time now) {
  auto found = findToken(reader, keys, bearer);
  if (!found) return std::move(found).error();
  Judged out{Verdict::Refused, *std::move(found)};
  if (out.found) out.verdict = judge(*out.found, bearer.key, now);
  return out;
}

// The certificate that the token was claimed for. Nothing where it counts no more.
Result<std::optional<CertificateRow>> claimedRow(StoreReader& reader, OpenKeys& keys, const TokenRow& token,
                                                 base::Time now) {
  auto row = readCertificate(reader, keys, token.claim->certificate);
  if (!row) return row;
  if (!*row) return corruptRow("the certificate that a token was used for is missing");
  const CertificateState state = stateOf(**row, now);
  if (state == CertificateState::Revoked || state == CertificateState::Held) row->reset();
  return row;
}

// The answer of the job: a certificate, or nothing where the token is refused.
using Claimed = std::optional<CertificateRow>;

// A claim that has lapsed: its certificate is revoked, for it was never confirmed.
Result<void> endLapsed(Txn& txn, OpenKeys& keys, const TokenRow& token, base::Time now,
                       std::vector<RevocationChange>& changes) {
  auto row = readCertificate(txn, keys, token.claim->certificate);
  if (!row) return std::move(row).error();
  if (!*row) return corruptRow("the certificate that a token was used for is missing");
  return settleRow(txn, keys, **row, now, changes);
}

Result<Made<Claimed>> claim(CertificateCore& core, Txn& txn, OpenKeys& keys, const Bearer& bearer,
                            const Draft& made, Confirm confirm) {
  auto now = core.tokens.clock.advanceToGrant(txn);
  if (!now) return std::move(now).error();
  Made<Claimed> out;
  auto judged = look(txn, keys, bearer, *now);
  if (!judged) return std::move(judged).error();
  if (judged->verdict == Verdict::Fresh && judged->found->row.claim) {
    auto ended = endLapsed(txn, keys, judged->found->row, *now, out.changes);
    if (!ended) return std::move(ended).error();
    judged = look(txn, keys, bearer, *now);
    if (!judged) return std::move(judged).error();
  }
  if (judged->verdict == Verdict::Refused) return out;
  TokenRow& token = judged->found->row;
  UserRow& user = judged->found->user;
  if (judged->verdict == Verdict::Again) {
    auto row = claimedRow(txn, keys, token, *now);
    if (!row) return std::move(row).error();
    out.value = *std::move(row);
    return out;
  }
  if (confirm == Confirm::Implicit) user.pendingUntil = base::Time{};
  const Filing how{.token = token.sequence,
                   .grant = token.issuer,
                   .confirm = confirm,
                   .actor = "user " + user.user.name,
                   .detail = " by the " + std::string(tokenKindName(token.kind)) + " token " +
                             keys.accessor(token.sequence)};
  auto row = file(core, txn, keys, made, user, how, *now);
  if (!row) return std::move(row).error();
  token.claim = TokenClaim{bearer.key, row->sequence, row->confirmBy, row->implicit};
  if (auto written = writeToken(txn, keys, token); !written) return std::move(written).error();
  out.value = *std::move(row);
  return out;
}

void refuse(CertificateCore& core, const std::string& user, const Reply<IssuedCertificate>& reply) {
  core.counts.refused.fetch_add(1, std::memory_order_relaxed);
  countWrong(core.tokens, "user " + user, user, [reply](std::chrono::seconds) { reply(tokenRefused()); });
}

void answer(CertificateCore& core, const std::string& user, const std::optional<CertificateRow>& row,
            const Reply<IssuedCertificate>& reply) {
  if (!row) return refuse(core, user, reply);
  core.tokens.throttle.forget(user);
  reply(issuedOf(core, *row, user));
}

Result<Bearer> bearerOf(EnrolOrder& order, const Policy& policy) {
  Bearer bearer;
  bearer.proven = order.proven;
  bearer.sequence = order.sequence;
  bearer.key = order.request.key.hash();
  if (order.proven) {
    bearer.presented.form = Presented::Form::OneTime;
    bearer.presented.user = std::move(order.user);
    return bearer;
  }
  if (looksLikeAccessToken(base::view(order.token)))
    return base::Error{base::Code::Invalid, "a certificate is got with a one-time token, not with this one"};
  auto presented = guarded([&] {
    return present(TokenRef{std::move(order.token), {}, std::move(order.user)}, policy);
  });
  if (!presented) return std::move(presented).error();
  bearer.presented = *std::move(presented);
  return bearer;
}

struct First {
  Verdict verdict = Verdict::Refused;
  std::optional<CertificateRow> row;  // Again
  std::optional<User> user;           // Fresh
};

Result<First> firstLook(CertificateCore& core, const Bearer& bearer) {
  return lookNow<First>(core, [&](StoreReader& reader, OpenKeys& keys, base::Time now) -> Result<First> {
    auto judged = look(reader, keys, bearer, now);
    if (!judged) return std::move(judged).error();
    First out{judged->verdict, {}, {}};
    if (out.verdict == Verdict::Fresh) {
      auto sound = requireSound(reader, keys, judged->found->user, bearer.key);
      if (!sound) return std::move(sound).error();
      out.user = judged->found->user.user;
    }
    if (out.verdict != Verdict::Again) return out;
    auto row = claimedRow(reader, keys, judged->found->row, now);
    if (!row) return std::move(row).error();
    out.row = *std::move(row);
    return out;
  });
}

}  // namespace

void CertificateService::enrol(EnrolOrder order, Reply<IssuedCertificate> reply) {
  CertificateCore& core = *core_;
  auto bearer = bearerOf(order, core.tokens.policy);
  if (!bearer) return reply(std::move(bearer).error());
  auto first = firstLook(core, *bearer);
  if (!first) return reply(std::move(first).error());
  const std::string user = bearer->presented.user;
  if (first->verdict != Verdict::Fresh) return answer(core, user, first->row, reply);
  Subject subject = subjectOf(core, *first->user);
  if (auto own = checkNames(order.request, subject); !own) return reply(std::move(own).error());
  auto made = draft(core, Profile::Signing, std::move(subject), order.request.key);
  if (!made) return reply(std::move(made).error());
  submitMade<Claimed>(
      core,
      [&core, bearer = *std::move(bearer), made = *std::move(made), confirm = order.confirm](
          Txn& txn, OpenKeys& keys) { return claim(core, txn, keys, bearer, made, confirm); },
      [&core, user, reply = std::move(reply)](Result<Claimed> row) {
        if (!row) return reply(std::move(row).error());
        answer(core, user, *row, reply);
      });
}

base::Result<SharedSecret> CertificateService::sharedSecret(const std::string& user) {
  CertificateCore& core = *core_;
  auto random = makeOneTimeToken(core.rng);
  if (!random) return std::move(random).error();
  SharedSecret secret{*std::move(random), 0, TokenKind::Enrol};
  auto found = lookNow<std::optional<FoundToken>>(
      core, [&](StoreReader& reader, OpenKeys& keys, base::Time now) -> Result<std::optional<FoundToken>> {
        auto pending = findPending(reader, keys, user);
        if (!pending || !*pending) return pending;
        const TokenRow& token = (*pending)->row;
        const bool claimed = token.claim && token.claim->open(now);
        const bool usable = claimed || (now < token.expires && !(token.claim && token.claim->implicit));
        if (token.state != TokenState::Active || token.sequence < (*pending)->user.revokedBefore || !usable ||
            token.oneTime.empty())
          pending->reset();
        return pending;
      });
  if (!found) return std::move(found).error();
  if (*found)
    secret = SharedSecret{std::move((*found)->row.oneTime), (*found)->row.sequence, (*found)->row.kind};
  return secret;
}

}  // namespace kms::pki
