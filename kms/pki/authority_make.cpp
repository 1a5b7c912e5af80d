#include "kms/pki/authority_make.h"

#include "kms/audit/audit.h"
#include "kms/pki/grant.h"

namespace kms::pki {

base::Result<void> makeRoom(Txn& txn, OpenKeys& keys, std::vector<AuthorityRow>& rows, AuthorityRow& fresh) {
  if (rows.size() + 1 >= kAuthoritiesMost)
    return base::Error{base::Code::Conflict,
                       "this server has as many certificate authorities as it may have"};
  fresh.number = 1;
  for (AuthorityRow& one : rows) {
    fresh.number = one.number + 1;
    if (one.state != AuthorityState::Waiting) continue;
    // The fresh one takes the place of this row, whose revision goes on rising.
    fresh.number = std::exchange(one.number, one.number + 1);
    fresh.revision = std::exchange(one.revision, 0);
    if (auto moved = writeAuthority(txn, keys, one); !moved) return moved;
  }
  return {};
}

AuthorityRow* inState(std::vector<AuthorityRow>& rows, AuthorityState state) noexcept {
  for (AuthorityRow& one : rows)
    if (one.state == state) return &one;
  return nullptr;
}

base::Result<void> checkAdmin(const Actor& by) {
  if (by.role >= Role::Admin) return {};
  return base::Error{base::Code::Denied, "making or changing a certificate authority needs the role admin",
                     base::Reason::Forbidden};
}

base::Result<NewAuthority> makeAuthority(const AuthorityPlan& plan, base::Time now, base::Rng& rng) {
  auto key = PrivateKey::generate(plan.key);
  if (!key) return std::move(key).error();
  Subject subject;
  subject.commonName = plan.commonName;
  subject.organisation = plan.organisation;
  auto der = signAuthority(*key, subject, newSerial(rng), now - kBackdate, plan.life);
  if (!der) return std::move(der).error();
  auto parsed = parseCertificate(*der);
  if (!parsed) return std::move(parsed).error();
  auto signers = makeSignerKeys(plan.key);
  if (!signers) return std::move(signers).error();
  return NewAuthority{Issuer{*std::move(parsed), *std::move(key)}, *std::move(signers)};
}

base::Result<std::int64_t> insertAuthority(Txn& txn, OpenKeys& keys, const NewAuthority& made,
                                           const AuthorityPlan& plan, base::Time now, base::Rng& rng,
                                           const Actor& by) {
  auto rows = readAuthorities(txn, keys);
  if (!rows) return std::move(rows).error();
  if (inState(*rows, AuthorityState::Current) != nullptr)
    return base::Error{base::Code::Conflict, "this server has a certificate authority already"};
  AuthorityRow fresh;
  if (auto room = makeRoom(txn, keys, *rows, fresh); !room) return std::move(room).error();
  fresh.certificate = made.authority.certificate.der;
  auto key = made.authority.key.encode();
  if (!key) return std::move(key).error();
  fresh.key = *std::move(key);
  auto filled = fillSigners(txn, keys, fresh, made.authority, made.signers,
                            {plan.organisation, plan.addresses, now, rng});
  if (!filled) return std::move(filled).error();
  if (auto written = writeAuthority(txn, keys, fresh); !written) return std::move(written).error();
  AuditEntry entry{Event::AuthorityCreated, by.name, numberText(fresh.number),
                   shownName(made.authority.certificate.subject) + ", " +
                       std::string(keyKindName(made.authority.key.kind()))};
  entry.until = made.authority.certificate.notAfter;
  if (auto recorded = record(txn, now, entry); !recorded) return std::move(recorded).error();
  return fresh.number;
}

base::Result<std::int64_t> createAuthority(Vault& vault, Store& store, Authority& authority,
                                           const base::Clock& clock, const Policy& policy, base::Rng& rng,
                                           const AuthorityPlan& plan, const Actor& by) {
  if (auto admin = checkAdmin(by); !admin) return std::move(admin).error();
  DurableClock durable(clock, policy);
  auto before = durable.now(store);
  if (!before) return std::move(before).error();
  auto made = makeAuthority(plan, *before, rng);
  if (!made) return std::move(made).error();
  std::int64_t number = 0;
  const auto insert = [&](Txn& txn, OpenKeys& keys, base::Time now) -> base::Result<void> {
    auto inserted = insertAuthority(txn, keys, *made, plan, now, rng, by);
    if (!inserted) return std::move(inserted).error();
    number = *inserted;
    return {};
  };
  auto done = grantAndWait(vault, store, durable, insert);
  if (!done) return std::move(done).error();
  if (auto fresh = authority.refresh(vault, store); !fresh) return std::move(fresh).error();
  return number;
}

}  // namespace kms::pki
