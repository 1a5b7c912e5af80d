#include "tests/bench/fill_certificates.h"

#include <algorithm>

#include "kms/pki/certificate_row.h"
#include "kms/pki/certificate_sequence.h"
#include "kms/pki/revocation_row.h"

namespace tests::bench {
namespace {

using base::Result;
namespace pki = kms::pki;

constexpr std::uint64_t kBatch = 20'000;  // certificates in a transaction
constexpr std::chrono::seconds kDay = std::chrono::hours(24);
constexpr std::chrono::seconds kLife = std::chrono::hours(24 * 500);

}  // namespace

Result<void> CertificateFill::run(const std::vector<std::int64_t>& users) {
  if (users.empty()) return base::Error{base::Code::Invalid, "certificates need users"};
  if (auto done = sign(); !done) return done;
  newest_.assign(users.size(), 0);
  for (std::uint64_t done = 0; done < total(); done += kBatch) {
    const std::uint64_t count = std::min(kBatch, total() - done);
    auto written = store_.writeAndWait([&](kms::Txn& txn) { return addBatch(txn, count, users); });
    if (!written) return written;
  }
  auto linked = store_.writeAndWait([&](kms::Txn& txn) { return linkUsers(txn, users); });
  if (!linked) return linked;
  apart_.shuffle(random_);
  if (auto written = serials_.write(plan_.file); !written) return written;
  return plan_.apart == 0 ? Result<void>() : apart_.write(plan_.apartFile);
}

Result<void> CertificateFill::sign() {
  auto key = pki::PrivateKey::generate(pki::KeyKind::EcdsaP256);
  if (!key) return std::move(key).error();
  auto signers = authority_.current();
  if (!signers) return std::move(signers).error();
  signer_ = (*signers)->number;
  issued_ = base::systemClock().now() - kDay;
  ends_ = issued_ + kLife;
  key_ = key->publicKey().hash();
  pki::CertificateOrder order;
  order.profile = pki::Profile::Client;
  order.subject.commonName = "user-00000";
  order.subject.organisation = "Bench";
  order.key = &key->publicKey();
  order.serial = pki::newSerial(base::systemRng());
  order.notBefore = issued_;
  order.notAfter = ends_;
  auto der = pki::signCertificate((*signers)->authority, order, {});
  if (!der) return std::move(der).error();
  der_ = *std::move(der);
  const auto at = std::ranges::search(der_, order.serial);
  if (at.empty()) return base::Error{base::Code::Internal, "the certificate has not its serial number"};
  serialAt_ = static_cast<std::size_t>(at.begin() - der_.begin());
  return {};
}

Result<void> CertificateFill::addBatch(kms::Txn& txn, std::uint64_t count,
                                       const std::vector<std::int64_t>& users) {
  auto keys = vault_.hold();
  if (!keys) return std::move(keys).error();
  auto first = pki::CertificateSequence::reserve(txn, static_cast<std::int64_t>(count));
  if (!first) return std::move(first).error();
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::size_t user = random_() % users.size();
    auto added = addOne(txn, **keys, *first + static_cast<std::int64_t>(i), user, users[user]);
    if (!added) return added;
  }
  return {};
}

Result<void> CertificateFill::addOne(kms::Txn& txn, kms::OpenKeys& keys, std::int64_t sequence,
                                     std::size_t user, std::int64_t owner) {
  // Each has the same chance to be set apart, so that both kinds lie all over the table.
  const bool apart = random_() % (total() - made_) < plan_.apart - apartMade_;
  ++made_;
  if (apart) ++apartMade_;
  pki::CertificateRow row;
  row.sequence = sequence;
  row.profile = pki::Profile::Client;
  row.serial = keys.serial(sequence, base::systemRng());
  row.user = owner;
  row.authority = signer_;
  row.previous = std::exchange(newest_[user], sequence);
  row.line = sequence;
  row.issued = row.notBefore = issued_;
  row.notAfter = ends_;
  row.key = key_;
  row.der = der_;
  std::ranges::copy(row.serial, row.der.begin() + static_cast<std::ptrdiff_t>(serialAt_));
  (apart ? apart_ : serials_).add(pki::serialText(row.serial));
  if (!apart && plan_.revoked) {
    auto number = pki::takeRevocationNumber(txn);
    if (!number) return std::move(number).error();
    row.state = pki::CertificateState::Revoked;
    row.reason = pki::RevocationReason::KeyCompromise;
    row.revokedAt = issued_ + std::chrono::seconds(random_() % 80'000);
    row.revocation = *number;
    const pki::RevocationRow revoked{
        {*number, row.serial, row.revokedAt, row.reason, row.notAfter}, signer_, sequence};
    if (auto in = pki::insertRevocation(txn, keys, revoked); !in) return in;
  }
  return pki::insertCertificate(txn, keys, row);
}

Result<void> CertificateFill::linkUsers(kms::Txn& txn, const std::vector<std::int64_t>& users) {
  auto keys = vault_.hold();
  if (!keys) return std::move(keys).error();
  for (std::size_t i = 0; i < users.size(); ++i) {
    if (newest_[i] == 0) continue;
    auto user = kms::readUser(txn, **keys, users[i]);
    if (!user) return std::move(user).error();
    user->newest = newest_[i];
    if (auto written = kms::writeUser(txn, **keys, *user); !written) return written;
  }
  return {};
}

}  // namespace tests::bench
