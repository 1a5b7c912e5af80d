#include "kms/pki/authority_make.h"

#include "kms/audit/audit.h"
#include "kms/pki/certificate_row.h"
#include "kms/pki/certificate_sequence.h"
#include "kms/tokens/durable_clock.h"
#include "kms/tokens/guarded.h"

namespace kms::pki {
namespace {

constexpr std::chrono::seconds kBackdate = std::chrono::minutes(5);  // for clients whose clocks are behind

// A delegated signer's certificate, with a row of its own; user 0: the server's.
base::Result<base::Bytes> issueSigner(Txn& txn, OpenKeys& keys, const Issuer& authority, std::int64_t number,
                                      Profile profile, const PrivateKey& key, const std::string& organisation,
                                      const Addresses& addresses, base::Time now, base::Rng& rng) {
  auto sequence = CertificateSequence::reserve(txn, 1);
  if (!sequence) return std::move(sequence).error();
  CertificateRow made;
  made.sequence = *sequence;
  made.profile = profile;
  made.serial = keys.serial(*sequence, rng);
  made.authority = number;
  made.issued = now;
  CertificateOrder order;
  order.profile = profile;
  order.subject.commonName = profile == Profile::Ocsp ? "OCSP signer" : "CMP signer";
  order.subject.organisation = organisation;
  order.key = &key.publicKey();
  order.serial = made.serial;
  order.notBefore = now - kBackdate;
  order.notAfter = now + row(profile).life;
  auto der = signCertificate(authority, order, addresses);
  if (!der) return std::move(der).error();
  auto parsed = parseCertificate(*der);
  if (!parsed) return std::move(parsed).error();
  made.notBefore = parsed->notBefore;
  made.notAfter = parsed->notAfter;
  made.key = parsed->key;
  made.der = *der;
  if (auto inserted = insertCertificate(txn, keys, made); !inserted) return std::move(inserted).error();
  return *std::move(der);
}

base::Result<void> fillSigners(Txn& txn, OpenKeys& keys, AuthorityRow& into, const Issuer& authority,
                               const PrivateKey& ocsp, const PrivateKey& cmp, const std::string& organisation,
                               const Addresses& addresses, base::Time now, base::Rng& rng) {
  const auto fill = [&](Profile profile, const PrivateKey& key, base::Bytes& certificate,
                        base::SecretBuffer& encoded) -> base::Result<void> {
    auto der =
        issueSigner(txn, keys, authority, into.number, profile, key, organisation, addresses, now, rng);
    if (!der) return std::move(der).error();
    auto bytes = key.encode();
    if (!bytes) return std::move(bytes).error();
    certificate = *std::move(der);
    encoded = *std::move(bytes);
    return {};
  };
  if (auto filled = fill(Profile::Ocsp, ocsp, into.ocspCertificate, into.ocspKey); !filled) return filled;
  return fill(Profile::Cmp, cmp, into.cmpCertificate, into.cmpKey);
}

bool due(const Certificate& certificate, base::Time now) {
  return now > certificate.notAfter - (certificate.notAfter - certificate.notBefore) / 3;
}

bool due(const Signers& signers, base::Time now) {
  return now < signers.authority.certificate.notAfter &&
         (due(signers.ocsp.certificate, now) || due(signers.cmp.certificate, now));
}

// New keys for the signers of one authority. They are made before the job.
base::Result<void> renewOf(Vault& vault, Store& store, std::int64_t number, const Authority& authority,
                           DurableClock& clock, base::Rng& rng, const std::string& organisation,
                           const Addresses& addresses) {
  auto kind = [&]() -> base::Result<KeyKind> {
    auto hold = authority.number(number);
    if (!hold) return std::move(hold).error();
    return (*hold)->authority.key.kind();
  }();
  if (!kind) return std::move(kind).error();
  auto ocsp = PrivateKey::generate(*kind);
  if (!ocsp) return std::move(ocsp).error();
  auto cmp = PrivateKey::generate(*kind);
  if (!cmp) return std::move(cmp).error();
  return store.writeAndWait([&](Txn& txn) -> base::Result<void> {
    return guarded([&]() -> base::Result<void> {
      auto keys = vault.hold();
      if (!keys) return std::move(keys).error();
      auto hold = authority.number(number);
      if (!hold) return std::move(hold).error();
      auto now = clock.advanceToGrant(txn);
      if (!now) return std::move(now).error();
      auto rows = readAuthorities(txn, **keys);
      if (!rows) return std::move(rows).error();
      for (AuthorityRow& one : *rows) {
        if (one.number != number) continue;
        auto filled = fillSigners(txn, **keys, one, (*hold)->authority, *ocsp, *cmp, organisation, addresses,
                                  *now, rng);
        if (!filled) return filled;
        if (auto written = writeAuthority(txn, **keys, one); !written) return written;
      }
      return record(txn, *now,
                    {Event::AuthoritySignersRenewed, "kmsd", "authority " + std::to_string(number), ""});
    });
  });
}

}  // namespace

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
  auto ocsp = PrivateKey::generate(plan.key);
  if (!ocsp) return std::move(ocsp).error();
  auto cmp = PrivateKey::generate(plan.key);
  if (!cmp) return std::move(cmp).error();
  return NewAuthority{Issuer{*std::move(parsed), *std::move(key)}, *std::move(ocsp), *std::move(cmp)};
}

base::Result<std::int64_t> insertAuthority(Txn& txn, OpenKeys& keys, const NewAuthority& made,
                                           const AuthorityPlan& plan, base::Time now, base::Rng& rng,
                                           const Actor& by) {
  auto rows = readAuthorities(txn, keys);
  if (!rows) return std::move(rows).error();
  AuthorityRow fresh;
  fresh.number = 1;
  for (const AuthorityRow& one : *rows) {
    if (one.state == AuthorityState::Current)
      return base::Error{base::Code::Conflict, "this server has a certificate authority already"};
    fresh.number = one.number + 1;
  }
  fresh.certificate = made.authority.certificate.der;
  auto key = made.authority.key.encode();
  if (!key) return std::move(key).error();
  fresh.key = *std::move(key);
  auto filled = fillSigners(txn, keys, fresh, made.authority, made.ocsp, made.cmp, plan.organisation,
                            plan.addresses, now, rng);
  if (!filled) return std::move(filled).error();
  if (auto written = writeAuthority(txn, keys, fresh); !written) return std::move(written).error();
  AuditEntry entry{Event::AuthorityCreated, by.name, "authority " + std::to_string(fresh.number),
                   shownName(made.authority.certificate.subject) + ", " +
                       std::string(keyKindName(made.authority.key.kind()))};
  entry.until = made.authority.certificate.notAfter;
  if (auto recorded = record(txn, now, entry); !recorded) return std::move(recorded).error();
  return fresh.number;
}

base::Result<std::int64_t> createAuthority(Vault& vault, Store& store, Authority& authority,
                                           const base::Clock& clock, const Policy& policy, base::Rng& rng,
                                           const AuthorityPlan& plan, const Actor& by) {
  if (by.role < Role::Admin)
    return base::Error{base::Code::Denied, "making a certificate authority needs the role admin",
                       base::Reason::Forbidden};
  DurableClock durable(clock, policy);
  auto before = durable.now(store);
  if (!before) return std::move(before).error();
  auto made = makeAuthority(plan, *before, rng);
  if (!made) return std::move(made).error();
  std::int64_t number = 0;
  auto done = store.writeAndWait([&](Txn& txn) -> base::Result<void> {
    return guarded([&]() -> base::Result<void> {
      auto keys = vault.hold();
      if (!keys) return std::move(keys).error();
      auto now = durable.advanceToGrant(txn);
      if (!now) return std::move(now).error();
      auto inserted = insertAuthority(txn, **keys, *made, plan, *now, rng, by);
      if (!inserted) return std::move(inserted).error();
      number = *inserted;
      return {};
    });
  });
  if (!done) return std::move(done).error();
  if (auto fresh = authority.refresh(vault, store); !fresh) return std::move(fresh).error();
  return number;
}

bool signersDue(const Authority& authority, base::Time now) {
  for (const std::int64_t number : authority.numbers()) {
    auto hold = authority.number(number);
    if (hold && due(**hold, now)) return true;
  }
  return false;
}

base::Result<void> renewSigners(Vault& vault, Store& store, Authority& authority, const base::Clock& clock,
                                const Policy& policy, base::Rng& rng, const std::string& organisation,
                                const Addresses& addresses) {
  DurableClock durable(clock, policy);
  auto now = durable.now(store);
  if (!now) return std::move(now).error();
  for (const std::int64_t number : authority.numbers()) {
    const bool wanted = [&] {
      auto hold = authority.number(number);
      return hold && due(**hold, *now);
    }();
    if (!wanted) continue;
    auto renewed = renewOf(vault, store, number, authority, durable, rng, organisation, addresses);
    if (!renewed) return renewed;
  }
  return authority.refresh(vault, store);
}

}  // namespace kms::pki
