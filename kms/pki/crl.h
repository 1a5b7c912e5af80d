// Certificate revocation lists (RFC 5280, section 5). The entries are kept as the bytes that stand in the
// list, so that a list of a million is made by copying and one signature.
#pragma once

#include <map>

#include "kms/pki/signer.h"

namespace kms::pki {

// CRLReason, RFC 5280, section 5.3.1; the numbers stand in sealed rows.
enum class RevocationReason : std::uint8_t {
  Unspecified = 0,
  KeyCompromise = 1,
  AuthorityCompromise = 2,
  AffiliationChanged = 3,
  Superseded = 4,
  CessationOfOperation = 5,
  Hold = 6,
  RemoveFromCrl = 8,
  PrivilegeWithdrawn = 9
};
std::string_view reasonName(RevocationReason reason) noexcept;  // "key-compromise"
std::optional<RevocationReason> parseRevocationReason(std::string_view name) noexcept;

struct Revocation {
  Serial serial{};
  base::Time at{};
  RevocationReason reason = RevocationReason::Unspecified;
  base::Time expires{};  // of the certificate
};

// The entries of the full list, in the order in which they came. Not thread-safe.
class CrlEntries {
 public:
  // Again for the same serial: replaces it (a hold that became final).
  void add(const Revocation& revocation);
  void remove(const Serial& serial);  // a hold that was released; nothing where it is not there
  bool has(const Serial& serial) const;
  std::optional<Revocation> find(const Serial& serial) const;
  // Drops what expired before `listedSince`, the time of the last full list: each has stood in one more.
  void dropExpired(base::Time listedSince);
  std::size_t size() const noexcept;
  // Since which the entries changed, for delta lists: those whose `at` or removal is not before.
  // (kept by the implementation)
};

struct CrlTimes {
  base::Time thisUpdate{};
  base::Time nextUpdate{};
};

// Numbers rise even after a restore: the later of last + 1 and the milliseconds since 1970.
std::int64_t nextCrlNumber(std::int64_t last, std::int64_t unixMilliseconds) noexcept;

// A full list. Errors: Internal; Unavailable (no memory).
base::Result<base::Bytes> signCrl(const Issuer& issuer, const CrlEntries& entries, CrlTimes times,
                                  std::int64_t number);
// A delta list to the full list `base` (RFC 5280, section 5.2.4): changes since then; removed ones as
// removeFromCRL.
base::Result<base::Bytes> signDeltaCrl(const Issuer& issuer, const std::vector<Revocation>& changes,
                                       CrlTimes times, std::int64_t number, std::int64_t base);

}  // namespace kms::pki
