// The delegated signers of authorities, for OCSP and CMP: made with each, and anew before they end.
#include <algorithm>

#include "kms/audit/audit.h"
#include "kms/pki/authority_make.h"
#include "kms/pki/authority_parts.h"
#include "kms/pki/certificate_row.h"
#include "kms/pki/certificate_sequence.h"
#include "kms/pki/grant.h"

namespace kms::pki {
namespace {

// A delegated signer's certificate, with a row of its own; user 0: the server's.
base::Result<base::Bytes> issueSigner(Txn& txn, OpenKeys& keys, const Issuer& authority, std::int64_t number,
                                      Profile profile, const PrivateKey& key, const SignerOrder& how) {
  auto sequence = CertificateSequence::reserve(txn, 1);
  if (!sequence) return std::move(sequence).error();
  CertificateRow made;
  made.sequence = *sequence;
  made.profile = profile;
  made.serial = keys.serial(*sequence, how.rng);
  made.authority = number;
  made.issued = how.now;
  CertificateOrder order;
  order.profile = profile;
  order.subject.commonName = profile == Profile::Ocsp ? "OCSP signer" : "CMP signer";
  order.subject.organisation = how.organisation;
  order.key = &key.publicKey();
  order.serial = made.serial;
  order.notBefore = std::max(how.now - kBackdate, authority.certificate.notBefore);
  order.notAfter = how.now + row(profile).life;
  auto der = signCertificate(authority, order, numbered(how.addresses, number));
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

// One that ends with its authority cannot get a longer life.
bool due(const Certificate& certificate, base::Time end, base::Time now) {
  return certificate.notAfter < end &&
         now > certificate.notAfter - (certificate.notAfter - certificate.notBefore) / 3;
}

bool due(const Signers& signers, base::Time now) {
  const base::Time end = signers.authority.certificate.notAfter;
  return now < end && (due(signers.ocsp.certificate, end, now) || due(signers.cmp.certificate, end, now));
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
  auto signers = makeSignerKeys(*kind);
  if (!signers) return std::move(signers).error();
  const auto renew = [&](Txn& txn, OpenKeys& keys, base::Time now) -> base::Result<void> {
    auto hold = authority.number(number);
    if (!hold) return std::move(hold).error();
    auto rows = readAuthorities(txn, keys);
    if (!rows) return std::move(rows).error();
    for (AuthorityRow& one : *rows) {
      if (one.number != number) continue;
      auto filled =
          fillSigners(txn, keys, one, (*hold)->authority, *signers, {organisation, addresses, now, rng});
      if (!filled) return filled;
      if (auto written = writeAuthority(txn, keys, one); !written) return written;
    }
    return record(txn, now, {Event::AuthoritySignersRenewed, "kmsd", numberText(number), ""});
  };
  return grantAndWait(vault, store, clock, renew);
}

}  // namespace

base::Result<SignerKeys> makeSignerKeys(KeyKind kind) {
  auto ocsp = PrivateKey::generate(kind);
  if (!ocsp) return std::move(ocsp).error();
  auto cmp = PrivateKey::generate(kind);
  if (!cmp) return std::move(cmp).error();
  return SignerKeys{*std::move(ocsp), *std::move(cmp)};
}

base::Result<void> fillSigners(Txn& txn, OpenKeys& keys, AuthorityRow& into, const Issuer& authority,
                               const SignerKeys& signers, const SignerOrder& order) {
  const auto fill = [&](Profile profile, const PrivateKey& key, base::Bytes& certificate,
                        base::SecretBuffer& encoded) -> base::Result<void> {
    auto der = issueSigner(txn, keys, authority, into.number, profile, key, order);
    if (!der) return std::move(der).error();
    auto bytes = key.encode();
    if (!bytes) return std::move(bytes).error();
    certificate = *std::move(der);
    encoded = *std::move(bytes);
    return {};
  };
  if (auto filled = fill(Profile::Ocsp, signers.ocsp, into.ocspCertificate, into.ocspKey); !filled)
    return filled;
  return fill(Profile::Cmp, signers.cmp, into.cmpCertificate, into.cmpKey);
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
