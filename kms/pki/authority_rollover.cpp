// A new key for an authority that signed itself (RFC 4210, section 4.4).
#include "kms/audit/audit.h"
#include "kms/pki/authority_change.h"
#include "kms/pki/grant.h"

namespace kms::pki {
namespace {

using base::Result;

// What is known of the one that goes.
struct Before {
  std::int64_t number = 0;
  base::Bytes name;
  KeyKind kind{};
};

Result<Before> current(const Authority& authority) {
  auto hold = authority.current();
  if (!hold) return std::move(hold).error();
  const Issuer& own = (*hold)->authority;
  if ((*hold)->chain.size() > 1)
    return base::Error{
        base::Code::Conflict,
        "this authority stands under another one, which must sign the next, too: use 'kmsctl ca "
        "request' and 'kmsctl ca install'"};
  return Before{(*hold)->number, own.certificate.subject, own.key.kind()};
}

Result<NewAuthority> makeNext(const Before& before, KeyKind kind, std::chrono::seconds life, base::Time now,
                              base::Rng& rng) {
  auto key = PrivateKey::generate(kind);
  if (!key) return std::move(key).error();
  auto der = signAuthority(*key, before.name, newSerial(rng), now - kBackdate, life);
  if (!der) return std::move(der).error();
  auto parsed = parseCertificate(*der);
  if (!parsed) return std::move(parsed).error();
  auto signers = makeSignerKeys(kind);
  if (!signers) return std::move(signers).error();
  return NewAuthority{Issuer{*std::move(parsed), *std::move(key)}, *std::move(signers)};
}

// Both ways: who trusts the one of them finds the other.
Result<void> link(AuthorityRow& row, const NewAuthority& next, const Signers& old, const SignerOrder& order) {
  const Issuer& to = next.authority;
  auto newWithOld = signLink(old.authority, to, newSerial(order.rng), to.certificate.notBefore,
                             numbered(order.addresses, old.number));
  if (!newWithOld) return std::move(newWithOld).error();
  auto oldWithNew = signLink(to, old.authority, newSerial(order.rng), old.authority.certificate.notBefore,
                             numbered(order.addresses, row.number));
  if (!oldWithNew) return std::move(oldWithNew).error();
  row.newWithOld = *std::move(newWithOld);
  row.oldWithNew = *std::move(oldWithNew);
  return {};
}

Result<std::int64_t> put(Txn& txn, OpenKeys& keys, const NewAuthority& next, const Signers& old,
                         const SignerOrder& order) {
  auto rows = readAuthorities(txn, keys);
  if (!rows) return std::move(rows).error();
  AuthorityRow* const before = inState(*rows, AuthorityState::Current);
  if (before == nullptr || before->number != old.number)
    return base::Error{base::Code::Conflict, "the authority was changed at this moment; look at it again"};
  before->state = AuthorityState::Old;
  if (auto written = writeAuthority(txn, keys, *before); !written) return std::move(written).error();
  AuthorityRow fresh;
  if (auto room = makeRoom(txn, keys, *rows, fresh); !room) return std::move(room).error();
  fresh.certificate = next.authority.certificate.der;
  auto key = next.authority.key.encode();
  if (!key) return std::move(key).error();
  fresh.key = *std::move(key);
  if (auto linked = link(fresh, next, old, order); !linked) return std::move(linked).error();
  auto filled = fillSigners(txn, keys, fresh, next.authority, next.signers, order);
  if (!filled) return std::move(filled).error();
  if (auto written = writeAuthority(txn, keys, fresh); !written) return std::move(written).error();
  return fresh.number;
}

}  // namespace

base::Error addressesWithoutNumber() {
  return {base::Code::Conflict,
          "certificates of the old and of the new authority would name the same address of a CRL or of the "
          "authority's certificate; put {ca} into --crl-url and --ca-url of kmsd, such as "
          "http://HOST/crl/{ca}.der, and start it again"};
}

base::Result<void> takeUp(const Vault& vault, Store& store, Authority& authority) {
  auto fresh = authority.refresh(vault, store);
  if (!fresh && fresh.error().reason != base::Reason::Sealed) return fresh;
  return {};  // sealed meanwhile: it is read when the server is opened
}

base::Result<std::int64_t> rolloverAuthority(const AuthorityTools& tools, std::optional<KeyKind> key,
                                             const AuthorityPlan& plan, const Actor& by) {
  if (auto admin = checkAdmin(by); !admin) return std::move(admin).error();
  auto before = current(tools.authority);
  if (!before) return std::move(before).error();
  if (lacksNumber(plan.addresses)) return addressesWithoutNumber();
  DurableClock durable(tools.clock, tools.policy);
  auto began = durable.now(tools.store);
  if (!began) return std::move(began).error();
  const ApprovalSubject subject =
      replacement("a new key, " + (key ? std::string(keyKindName(*key)) : "the same kind"));
  if (auto may = tools.approvals.ask(by, subject); !may) return std::move(may).error();
  const auto next = makeNext(*before, key.value_or(before->kind), plan.life, *began, tools.rng);
  if (!next) return next.error();
  std::int64_t number = 0;
  const auto rollOver = [&](Txn& txn, OpenKeys& keys, base::Time now) -> Result<void> {
    auto old = tools.authority.number(before->number);
    if (!old) return std::move(old).error();
    auto made = put(txn, keys, *next, **old, {plan.organisation, plan.addresses, now, tools.rng});
    if (!made) return std::move(made).error();
    number = *made;
    if (auto spent = tools.approvals.spend(txn, keys, by, subject, now); !spent) return spent;
    AuditEntry entry{Event::AuthorityRolledOver, by.name, numberText(number),
                     shownName(before->name) + ", " + std::string(keyKindName(next->authority.key.kind())) +
                         ", in place of " + numberText(before->number)};
    entry.until = next->authority.certificate.notAfter;
    return record(txn, now, entry);
  };
  auto done = grantAndWait(tools.vault, tools.store, durable, rollOver);
  if (!done) return std::move(done).error();
  if (auto taken = takeUp(tools.vault, tools.store, tools.authority); !taken) return std::move(taken).error();
  return number;
}

}  // namespace kms::pki
