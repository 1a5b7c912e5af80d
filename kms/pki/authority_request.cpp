// Subordinate authorities: a key that waits, and the certificate that another authority makes for it.
#include "kms/audit/audit.h"
#include "kms/pki/authority_chain.h"
#include "kms/pki/authority_change.h"
#include "kms/pki/digest.h"
#include "kms/pki/grant.h"

namespace kms::pki {
namespace {

using base::Result;

base::Error noRequest() {
  return {base::Code::NotFound, "no key waits for a certificate; make one with 'kmsctl ca request'"};
}

struct Pending {
  base::Bytes request;
  KeyHash key{};
  KeyKind kind{};
};

// The key itself is left where it is sealed.
Result<Pending> readPending(const AuthorityTools& tools) {
  return guarded([&]() -> Result<Pending> {
    auto keys = tools.vault.hold();
    if (!keys) return std::move(keys).error();
    Pending out;
    auto done = tools.store.read([&](StoreReader& reader) -> Result<void> {
      auto rows = readAuthorities(reader, **keys);
      if (!rows) return std::move(rows).error();
      const AuthorityRow* const row = inState(*rows, AuthorityState::Waiting);
      if (row == nullptr) return noRequest();
      auto key = PrivateKey::parse(row->key.bytes());
      if (!key) return std::move(key).error();
      out = {row->request, key->publicKey().hash(), key->kind()};
      return {};
    });
    if (!done) return std::move(done).error();
    return out;
  });
}

Result<void> keepRequest(Txn& txn, OpenKeys& keys, const PrivateKey& key, const base::Bytes& request,
                         bool replace) {
  auto rows = readAuthorities(txn, keys);
  if (!rows) return std::move(rows).error();
  AuthorityRow fresh;
  if (AuthorityRow* const before = inState(*rows, AuthorityState::Waiting)) {
    if (!replace)
      return base::Error{
          base::Code::Conflict,
          "a key waits for its certificate already; 'kmsctl ca request --show' gives its request "
          "again, and --replace a new key in its place"};
    fresh.number = before->number;
    fresh.revision = before->revision;
  } else if (auto room = makeRoom(txn, keys, *rows, fresh); !room) {
    return room;
  }
  fresh.state = AuthorityState::Waiting;
  fresh.request = request;
  auto encoded = key.encode();
  if (!encoded) return std::move(encoded).error();
  fresh.key = *std::move(encoded);
  return writeAuthority(txn, keys, fresh);
}

ApprovalSubject subjectOf(const std::vector<Certificate>& given) {
  base::Bytes all;
  for (const Certificate& one : given) all.insert(all.end(), one.der.begin(), one.der.end());
  return replacement("certificates " + base::toHex(sha256(all)));
}

// Where there is a current authority, which would give way: whether that is agreed to.
Result<void> mayReplace(const AuthorityTools& tools, const ApprovalSubject& subject,
                        const Addresses& addresses, const Actor& by) {
  if (!tools.authority.current()) return {};
  if (lacksNumber(addresses)) return addressesWithoutNumber();
  return tools.approvals.ask(by, subject);
}

struct Installed {
  std::int64_t number = 0;
  std::string before;  // for the audit log
};

// REQUIRES: `signers` are of the kind of the key that waits.
Result<Installed> install(Txn& txn, OpenKeys& keys, const AuthorityChain& chain, const SignerKeys& signers,
                          const SignerOrder& order) {
  auto rows = readAuthorities(txn, keys);
  if (!rows) return std::move(rows).error();
  AuthorityRow* const row = inState(*rows, AuthorityState::Waiting);
  if (row == nullptr) return noRequest();
  auto key = PrivateKey::parse(row->key.bytes());
  if (!key) return std::move(key).error();
  if (key->publicKey().hash() != chain.own.key)
    return base::Error{base::Code::Conflict, "the key that waits was replaced meanwhile"};
  Installed out{row->number, {}};
  if (AuthorityRow* const before = inState(*rows, AuthorityState::Current)) {
    if (lacksNumber(order.addresses)) return addressesWithoutNumber();
    before->state = AuthorityState::Old;
    if (auto written = writeAuthority(txn, keys, *before); !written) return std::move(written).error();
    out.before = ", in place of " + numberText(before->number);
  }
  row->state = AuthorityState::Current;
  row->certificate = chain.own.der;
  row->chain = chain.above;
  row->request.clear();
  const Issuer issuer{chain.own, *std::move(key)};
  if (auto filled = fillSigners(txn, keys, *row, issuer, signers, order); !filled)
    return std::move(filled).error();
  if (auto written = writeAuthority(txn, keys, *row); !written) return std::move(written).error();
  return out;
}

}  // namespace

base::Result<base::Bytes> requestSubordinate(const AuthorityTools& tools, const AuthorityPlan& plan,
                                             bool replace, const Actor& by) {
  if (auto admin = checkAdmin(by); !admin) return std::move(admin).error();
  Subject subject;
  subject.commonName = plan.commonName;
  subject.organisation = plan.organisation;
  if (auto good = checkSubject(subject); !good) return std::move(good).error();
  auto key = PrivateKey::generate(plan.key);
  if (!key) return std::move(key).error();
  auto request = requestAuthority(*key, subject);
  if (!request) return std::move(request).error();
  DurableClock durable(tools.clock, tools.policy);
  const auto keep = [&](Txn& txn, OpenKeys& keys, base::Time now) -> Result<void> {
    if (auto kept = keepRequest(txn, keys, *key, *request, replace); !kept) return kept;
    return record(txn, now,
                  {Event::AuthorityRequested, by.name, base::toHex(key->publicKey().hash()),
                   subject.commonName + ", " + std::string(keyKindName(plan.key)) +
                       (replace ? ", in place of any before" : "")});
  };
  if (auto done = grantAndWait(tools.vault, tools.store, durable, keep); !done)
    return std::move(done).error();
  return request;
}

base::Result<base::Bytes> pendingRequest(const AuthorityTools& tools, const Actor& by) {
  if (auto admin = checkAdmin(by); !admin) return std::move(admin).error();
  auto pending = readPending(tools);
  if (!pending) return std::move(pending).error();
  return std::move(pending->request);
}

base::Result<std::int64_t> installSubordinate(const AuthorityTools& tools,
                                              const std::vector<Certificate>& given,
                                              const AuthorityPlan& plan, const Actor& by) {
  if (auto admin = checkAdmin(by); !admin) return std::move(admin).error();
  auto pending = readPending(tools);
  if (!pending) return std::move(pending).error();
  DurableClock durable(tools.clock, tools.policy);
  auto before = durable.now(tools.store);
  if (!before) return std::move(before).error();
  const auto chain = checkAuthorityChain(given, pending->key, *before);
  if (!chain) return chain.error();
  const ApprovalSubject subject = subjectOf(given);
  if (auto may = mayReplace(tools, subject, plan.addresses, by); !may) return std::move(may).error();
  const auto signers = makeSignerKeys(pending->kind);
  if (!signers) return signers.error();
  Installed made;
  const auto put = [&](Txn& txn, OpenKeys& keys, base::Time now) -> Result<void> {
    auto installed =
        install(txn, keys, *chain, *signers, {plan.organisation, plan.addresses, now, tools.rng});
    if (!installed) return std::move(installed).error();
    made = *std::move(installed);
    if (!made.before.empty())
      if (auto spent = tools.approvals.spend(txn, keys, by, subject, now); !spent) return spent;
    AuditEntry entry{
        Event::AuthorityInstalled, by.name, numberText(made.number),
        shownName(chain->own.subject) + ", signed by " + shownName(chain->own.issuer) + made.before};
    entry.until = chain->own.notAfter;
    return record(txn, now, entry);
  };
  if (auto done = grantAndWait(tools.vault, tools.store, durable, put); !done) return std::move(done).error();
  if (auto taken = takeUp(tools.vault, tools.store, tools.authority); !taken) return std::move(taken).error();
  return made.number;
}

}  // namespace kms::pki
