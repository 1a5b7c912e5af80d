#include "kms/pki/crl.h"

#include <algorithm>
#include <array>
#include <limits>

namespace kms::pki {
namespace {

struct ReasonRow {
  RevocationReason reason;
  std::string_view name;
};
constexpr std::array kReasons = {
    ReasonRow{RevocationReason::Unspecified, "unspecified"},
    ReasonRow{RevocationReason::KeyCompromise, "key-compromise"},
    ReasonRow{RevocationReason::AuthorityCompromise, "ca-compromise"},
    ReasonRow{RevocationReason::AffiliationChanged, "affiliation-changed"},
    ReasonRow{RevocationReason::Superseded, "superseded"},
    ReasonRow{RevocationReason::CessationOfOperation, "cessation-of-operation"},
    ReasonRow{RevocationReason::Hold, "hold"},
    ReasonRow{RevocationReason::RemoveFromCrl, "release"},
    ReasonRow{RevocationReason::PrivilegeWithdrawn, "privilege-withdrawn"},
};

// Certificates that end later than such a number of seconds can tell are of no concern to a list.
std::uint32_t seconds(base::Time time) {
  const auto count = time.time_since_epoch().count();
  return static_cast<std::uint32_t>(
      std::clamp<decltype(count)>(count, 0, std::numeric_limits<std::uint32_t>::max()));
}

base::Time timeOf(std::uint32_t seconds) { return base::Time(std::chrono::seconds(seconds)); }

}  // namespace

std::string_view reasonName(RevocationReason reason) noexcept {
  const auto* found = std::ranges::find(kReasons, reason, &ReasonRow::reason);
  return found == kReasons.end() ? kReasons.front().name : found->name;
}

std::optional<RevocationReason> parseRevocationReason(std::string_view name) noexcept {
  const auto* found = std::ranges::find(kReasons, name, &ReasonRow::name);
  if (found == kReasons.end()) return std::nullopt;
  return found->reason;
}

void CrlEntries::add(const Revocation& revocation) {
  entries_.push_back({revocation.key, revocation.serial, seconds(revocation.at), seconds(revocation.expires),
                      revocation.reason});
}

void CrlEntries::remove(std::int64_t key) {
  const auto at = std::ranges::lower_bound(entries_, key, {}, &Entry::key);
  if (at != entries_.end() && at->key == key) entries_.erase(at);
}

void CrlEntries::dropExpired(base::Time before) {
  const std::uint32_t end = seconds(before);
  std::erase_if(entries_, [end](const Entry& entry) { return entry.expires < end; });
}

std::vector<Revocation> CrlEntries::since(std::int64_t key) const {
  std::vector<Revocation> all;
  for (auto at = std::ranges::upper_bound(entries_, key, {}, &Entry::key); at != entries_.end(); ++at)
    all.push_back({at->key, at->serial, timeOf(at->at), at->reason, timeOf(at->expires)});
  return all;
}

std::int64_t nextCrlNumber(std::int64_t last, std::int64_t unixMilliseconds) noexcept {
  return std::max(last + 1, unixMilliseconds);
}

}  // namespace kms::pki
