// How the stock of OCSP answers is filled: certificates are discovered, and what is due is signed.
#include "kms/pki/certificate_sequence.h"
#include "kms/pki/ocsp_stock.h"
#include "kms/pki/oids.h"

namespace kms::pki {
namespace {

constexpr std::size_t kLookedAt = 256;  // rows, in one view
constexpr std::size_t kSigned = 16;     // certificates, in one batch
constexpr int kRounds = 4;              // of a life: a new answer is signed each
// Certificates are filed a bit later than they get their numbers, and blocks of numbers are used up one
// behind the other.
constexpr std::int64_t kBack = 2 * CertificateSequence::kBlock;

}  // namespace

OcspStock::Step OcspStock::fill() {
  if (!loaded_)
    if (const auto begun = begin(); !begun) return Step::Failed;
  const std::uint64_t issued = issued_();
  if (!searching_ && issued != seen_) {
    searching_ = true;
    seen_ = issued;
    last_ = std::max<std::int64_t>(last_ - kBack, 0);
  }
  if (searching_) {
    const auto more = discover();
    if (!more) return Step::Failed;
    searching_ = *more;
    return Step::More;
  }
  if (due_.empty()) collectDue();
  if (due_.empty()) return Step::Idle;
  if (const auto done = refreshSome(); !done) return Step::Failed;
  return due_.empty() ? Step::Idle : Step::More;
}

// The number first: rows that are read after it tell of all up to it.
base::Result<void> OcspStock::begin() {
  if (auto keys = vault_.hold(); !keys) return std::move(keys).error();
  std::int64_t last = 0;
  auto read = store_.read([&](StoreReader& reader) -> base::Result<void> {
    auto number = lastRevocationNumber(reader);
    if (!number) return std::move(number).error();
    last = *number;
    return {};
  });
  if (!read) return read;
  entries_.clear();
  signers_.clear();
  due_.clear();
  applied_ = last;
  refused_.reset();
  last_ = 0;
  seen_ = issued_();
  loaded_ = true;
  searching_ = true;
  dirty_ = true;
  urgent_ = false;
  whole_ = false;
  return {};
}

base::Result<bool> OcspStock::discover() {
  auto keys = vault_.hold();
  if (!keys) return std::move(keys).error();
  bool more = false;
  auto done = store_.read([&](StoreReader& reader) -> base::Result<void> {
    auto rows = reader.list(Table::Certificates, last_, kLookedAt);
    if (!rows) return std::move(rows).error();
    for (const SealedRow& sealed : *rows) {
      if (auto noted = note(**keys, sealed, clock_.now()); !noted) return noted;
      last_ = sealed.key;
    }
    more = rows->size() == kLookedAt;
    return {};
  });
  if (!done) return std::move(done).error();
  return more;
}

base::Result<void> OcspStock::note(OpenKeys& keys, const SealedRow& sealed, base::Time now) {
  const bool full = entries_.size() >= policy_.most;
  if (entries_.contains(sealed.key) || (full && sealed.key < entries_.begin()->first)) return {};
  auto row = openCertificate(keys, sealed);
  if (!row) return std::move(row).error();
  if (row->notAfter <= now) return {};
  entries_[sealed.key].serial = row->serial;
  if (full) entries_.erase(entries_.begin());
  return {};
}

void OcspStock::collectDue() {
  const base::Time now = clock_.now();
  for (const auto& [sequence, entry] : entries_)
    if (!entry.signer || now < entry.made || now >= entry.made + life_ / kRounds) due_.push_back(sequence);
}

base::Result<void> OcspStock::refreshSome() {
  std::vector<CertificateRow> rows;
  {
    auto keys = vault_.hold();
    if (!keys) return std::move(keys).error();
    auto read = store_.read([&](StoreReader& reader) -> base::Result<void> {
      for (; rows.size() < kSigned && !due_.empty(); due_.pop_back()) {
        if (!entries_.contains(due_.back())) continue;
        auto row = readCertificate(reader, **keys, due_.back());
        if (!row) return std::move(row).error();
        if (*row) rows.push_back(**std::move(row));
      }
      return {};
    });
    if (!read) return read;
  }
  for (const CertificateRow& row : rows) {
    if (!open_) break;  // somebody waits for the keys to go
    refresh(row);
  }
  return {};
}

// One that nobody has confirmed yet may end by time alone, of which no number tells: it has no answer.
void OcspStock::refresh(const CertificateRow& row) {
  const base::Time now = clock_.now();
  Entry& entry = entries_[row.sequence];
  if (row.notAfter <= now) {
    dirty_ = dirty_ || entry.signer;
    entries_.erase(row.sequence);
    return;
  }
  entry.signer = nullptr;
  if (row.state == CertificateState::Unconfirmed && !row.implicit) return;
  const auto signers = authority_.number(row.authority);
  if (!signers) return;  // sealed meanwhile
  const Issuer& issuer = (*signers)->authority;
  const Issuer& signer = (*signers)->ocsp;
  if (issuer.certificate.notAfter <= now || signer.certificate.notAfter <= now) return;
  const bool good =
      stateOf(row, now) == CertificateState::Active || row.state == CertificateState::Unconfirmed;
  entry.answer = good ? OcspAnswer{OcspState::Good, {}, RevocationReason::Unspecified}
                      : OcspAnswer{OcspState::Revoked, row.revokedAt, row.reason};
  entry.made = now;
  for (const KeptHash hash : {KeptHash::Sha1, KeptHash::Sha256}) {
    OcspQuery query;
    query.questions.emplace_back().certId =
        ocspCertId(oidOf(hash), issuer.certificate, issuer.key.publicKey(), row.serial);
    auto signature =
        signer.key.sign(ocspResponseData(signer.key.publicKey(), query, {entry.answer}, {now, now + life_}));
    if (!signature) return;
    entry.signatures[hash == KeptHash::Sha1 ? 0 : 1] = *std::move(signature);
  }
  entry.signer = signerOf(**signers);
  dirty_ = true;
}

std::shared_ptr<const KeptSigner> OcspStock::signerOf(const Signers& signers) {
  const Issuer& own = signers.ocsp;
  const auto algorithm = own.key.algorithm();
  KeptSigner now{
      signers.authority.certificate.der, own.certificate.der, {algorithm.begin(), algorithm.end()}};
  auto& known = signers_[signers.number];
  if (!known || *known != now) known = std::make_shared<const KeptSigner>(std::move(now));
  return known;
}

}  // namespace kms::pki
