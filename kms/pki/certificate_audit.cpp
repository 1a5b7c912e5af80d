#include "kms/pki/certificate_audit.h"

#include <algorithm>
#include <limits>

#include "kms/audit/audit.h"
#include "kms/pki/revocation_row.h"

namespace kms::pki {
namespace {

using base::Result;

// What the log tells of a certificate; of the last three at most one.
constexpr std::uint8_t kIssued = 1;
constexpr std::uint8_t kSeen = 2;  // in the store
constexpr std::uint8_t kConfirmed = 4;
constexpr std::uint8_t kHeld = 8;
constexpr std::uint8_t kRevoked = 16;

constexpr std::size_t kPlacesMost = std::size_t{1} << 32U;
constexpr std::size_t kBatch = 256;  // rows under one hold of the keys
constexpr std::size_t kDoubtsMost = 65'536;
constexpr int kRounds = 64;  // of rows that change while they are looked at

std::uint32_t seconds(base::Time time) {
  constexpr std::int64_t kMost = std::numeric_limits<std::uint32_t>::max();
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(time.time_since_epoch().count(), 0, kMost));
}

// Two names that have the same one are taken for each other: rows cannot be forged to fit.
std::uint32_t markOf(const std::string& name) {
  return name.empty() ? 0 : static_cast<std::uint32_t>(std::hash<std::string>{}(name)) | 1U;
}

bool isOfCertificate(Event event) {
  return event == Event::CertificateIssued || event == Event::CertificateImported ||
         event == Event::CertificateConfirmed || event == Event::CertificateRevoked ||
         event == Event::CertificateHeld || event == Event::CertificateReleased;
}

// Those that an authority's delegated signers have are told of with the authority.
bool isTold(const CertificateRow& row) {
  return row.user != 0 || row.profile == Profile::Server || row.profile == Profile::Encryption;
}

}  // namespace

void CertificateAudit::problem(std::string object, std::string what) {
  ++report_.problemCount;
  if (report_.problems.size() < StoreReport::kProblemsMost)
    report_.problems.push_back({std::move(object), std::move(what)});
}

// The number behind a serial. Where more than one may be, the rows tell.
Result<std::optional<std::int64_t>> CertificateAudit::sequenceOf(OpenKeys& keys, const Serial& serial) {
  auto all = keys.sequencesOf(serial);
  std::erase_if(all, [](std::int64_t one) { return one <= 0; });
  if (all.empty() || places_.size() >= kPlacesMost) return std::optional<std::int64_t>();
  if (all.size() == 1) return std::optional(all.front());
  std::optional<CertificateRow> row;
  auto read = store_.read([&](StoreReader& reader) -> Result<void> {
    auto found = findCertificate(reader, keys, serial);
    if (!found) return std::move(found).error();
    row = *std::move(found);
    return {};
  });
  if (!read && read.error().reason != base::Reason::DatabaseCorrupt) return std::move(read).error();
  return std::optional(row ? row->sequence : all.front());
}

std::size_t CertificateAudit::placeOf(std::int64_t sequence) {
  const std::size_t at = places_.make(sequence);
  if (places_.size() > stage_.size()) {
    const std::size_t size = std::max(places_.size(), stage_.size() + stage_.size() / 4);
    stage_.resize(size);
    user_.resize(size);
    until_.resize(size);
  }
  return at;
}

Result<void> CertificateAudit::entry(const AuditFacts& facts) {
  latest_ = std::max(latest_, facts.at);
  const auto event = static_cast<Event>(facts.event);
  if (!isOfCertificate(event)) return {};
  auto keys = vault_.hold();
  if (!keys) return std::move(keys).error();
  const auto serial = parseSerial(facts.object);
  auto sequence = serial ? sequenceOf(**keys, *serial) : std::optional<std::int64_t>();
  if (!sequence) return std::move(sequence).error();
  if (!*sequence) {
    problem(auditUnescape(facts.object), "the log tells of a certificate that this server did not make");
    return {};
  }
  const std::size_t at = placeOf(**sequence);
  Stage& stage = stage_[at];
  const auto put = [&stage](unsigned add, unsigned drop) {
    stage = static_cast<Stage>((stage | add) & ~drop);
  };
  if (event == Event::CertificateIssued || event == Event::CertificateImported) {
    if ((stage & kIssued) != 0) problem(std::string(facts.object), "the log tells twice that it was issued");
    // One that was imported counts nowhere here, whatever becomes of it where it was made.
    put(event == Event::CertificateImported ? kIssued | kRevoked : kIssued, 0);
    highest_ = std::max(highest_, **sequence);
    user_[at] = markOf(auditUnescape(facts.user));
    if (facts.until) until_[at] = seconds(*facts.until);
  } else if (event == Event::CertificateConfirmed) {
    put(kConfirmed, 0);
  } else if (event == Event::CertificateHeld) {
    put(kHeld, 0);
  } else if (event == Event::CertificateReleased) {
    put(0, kHeld);
  } else {
    put(kRevoked, kHeld);
  }
  return {};
}

Result<void> CertificateAudit::compare(const std::function<Result<void>()>& catchUp) {
  const std::int64_t highest = highest_;
  for (std::int64_t after = 0;;) {
    auto last = compareBatch(after);
    if (!last) return std::move(last).error();
    const bool end = *last == after;
    after = *last;
    if (!end && doubts_.size() < kDoubtsMost) continue;
    if (auto settled = settle(catchUp); !settled) return settled;
    if (end) return findMissing(highest);
  }
}

// Gives the key of the last row; `after` where there is none.
Result<std::int64_t> CertificateAudit::compareBatch(std::int64_t after) {
  std::int64_t last = after;
  auto keys = vault_.hold();
  if (!keys) return std::move(keys).error();
  auto read = store_.read([&](StoreReader& reader) -> Result<void> {
    auto rows = reader.list(Table::Certificates, after, kBatch);
    if (!rows) return std::move(rows).error();
    for (const SealedRow& sealed : *rows) {
      last = sealed.key;
      ++report_.certificates;
      if (const auto at = places_.find(sealed.key)) stage_[*at] |= kSeen;
      auto row = openCertificate(**keys, sealed);
      if (!row && row.error().reason != base::Reason::DatabaseCorrupt) return std::move(row).error();
      if (!row) {
        problem("certificate row " + std::to_string(sealed.key), row.error().what);
        continue;
      }
      auto wrong = wrongWith(reader, **keys, *row);
      if (!wrong) return std::move(wrong).error();
      if (!wrong->empty()) doubts_.push_back({sealed.key, sealed.revision});
    }
    return {};
  });
  if (!read) return std::move(read).error();
  return last;
}

Result<std::uint32_t> CertificateAudit::holderOf(StoreReader& reader, OpenKeys& keys, std::int64_t id) {
  if (id == 0) return std::uint32_t{0};
  if (const auto known = holders_.find(id); known != holders_.end()) return known->second;
  auto user = readUser(reader, keys, id);
  if (!user && user.error().reason != base::Reason::DatabaseCorrupt) return std::move(user).error();
  return holders_[id] = user ? markOf(user->user.name) : 0;
}

Result<std::string> CertificateAudit::wrongWith(StoreReader& reader, OpenKeys& keys,
                                                const CertificateRow& row) {
  const auto at = places_.find(row.sequence);
  const Stage stage = at ? stage_[*at] : Stage{0};
  const bool ended = row.state == CertificateState::Revoked || row.state == CertificateState::Held;
  if (isTold(row)) {
    auto holder = holderOf(reader, keys, row.user);
    if (!holder) return std::move(holder).error();
    if ((stage & kIssued) == 0) return std::string("no entry of the log tells that it was issued");
    if (*holder == 0 && row.user != 0) return std::string("its user is not in the store");
    if (*holder != user_[*at]) return std::string("the log tells of another user");
    if (seconds(row.notAfter) != until_[*at]) return std::string("the log tells of another end");
  }
  if ((stage & kRevoked) != 0 && row.state != CertificateState::Revoked)
    return std::string("the log tells that it was revoked, and the row does not");
  if ((stage & kHeld) != 0 && !ended)
    return std::string("the log tells that it is held, and the row does not");
  if ((stage & kConfirmed) != 0 && row.state == CertificateState::Unconfirmed)
    return std::string("the log tells that it was confirmed, and the row does not");
  if (row.state == CertificateState::Revoked && (stage & kRevoked) == 0)
    return std::string("the row is revoked, and no entry of the log tells so");
  if (row.state == CertificateState::Held && (stage & kHeld) == 0)
    return std::string("the row is held, and no entry of the log tells so");
  if (!ended || std::max(clock_.now(), latest_) >= row.notAfter + policy_.expiredKept) return std::string();
  auto sealed = reader.get(Table::Revocations, row.revocation);
  if (!sealed) return std::move(sealed).error();
  if (!*sealed) return std::string("its revocation is gone, so that no CRL tells of it");
  auto revocation = openRevocation(keys, **sealed);
  if (!revocation && revocation.error().reason != base::Reason::DatabaseCorrupt)
    return std::move(revocation).error();
  const bool own = revocation && revocation->certificate == row.sequence &&
                   revocation->revocation.serial == row.serial && revocation->revocation.reason == row.reason;
  return std::string(own ? "" : "its revocation is altered, or another's");
}

// A row that does not fit is read again once the log was: only where it is the same as before, the log has
// all that was ever told of it.
Result<void> CertificateAudit::settle(const std::function<Result<void>()>& catchUp) {
  for (int round = 1; round <= kRounds && !doubts_.empty(); ++round) {
    if (auto caught = catchUp(); !caught) return caught;
    std::vector<Doubt> left;
    for (const Doubt& doubt : doubts_) {
      auto again = lookAgain(doubt, round == kRounds);
      if (!again) return std::move(again).error();
      if (*again) left.push_back(**again);
    }
    doubts_ = std::move(left);
  }
  return {};
}

// What is still to be settled, because the row has changed since; none where it fits or was told of.
Result<std::optional<CertificateAudit::Doubt>> CertificateAudit::lookAgain(const Doubt& doubt, bool last) {
  std::optional<Doubt> changed;
  auto keys = vault_.hold();
  if (!keys) return std::move(keys).error();
  auto read = store_.read([&](StoreReader& reader) -> Result<void> {
    auto sealed = reader.get(Table::Certificates, doubt.sequence);
    if (!sealed) return std::move(sealed).error();
    if (!*sealed) {
      problem("certificate row " + std::to_string(doubt.sequence), "it is gone");
      return {};
    }
    auto row = openCertificate(**keys, **sealed);
    if (!row) return std::move(row).error();
    auto wrong = wrongWith(reader, **keys, *row);
    if (!wrong) return std::move(wrong).error();
    if (wrong->empty()) return {};
    if (!last && (*sealed)->revision != doubt.revision)
      changed = Doubt{doubt.sequence, (*sealed)->revision};
    else
      problem(serialText(row->serial), *std::move(wrong));
    return {};
  });
  if (!read) return std::move(read).error();
  return changed;
}

// Rows of certificates are never dropped. Of what the log told before the first row was read.
Result<void> CertificateAudit::findMissing(std::int64_t highest) {
  for (std::size_t at = 0; at < places_.size(); ++at)
    if (places_.sequenceAt(at) <= highest && (stage_[at] & (kIssued | kSeen)) == kIssued)
      problem("certificate row " + std::to_string(places_.sequenceAt(at)),
              "the log tells that it was issued, and it is gone");
  return {};
}

}  // namespace kms::pki
