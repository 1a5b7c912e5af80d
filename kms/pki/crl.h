// Certificate revocation lists (RFC 5280, section 5). The entries are kept in memory in a compact form, so
// that a new list of a million needs no row of the database: it is written as DER in one pass, and signed
// once.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

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
  RemoveFromCrl = 8,  // of delta lists; as a request: the release of a hold
  PrivilegeWithdrawn = 9
};
std::string_view reasonName(RevocationReason reason) noexcept;  // "key-compromise"
std::optional<RevocationReason> parseRevocationReason(std::string_view name) noexcept;

struct Revocation {
  std::int64_t key = 0;  // of its row; rises with each revocation
  Serial serial{};
  base::Time at{};
  RevocationReason reason = RevocationReason::Unspecified;
  base::Time expires{};  // of the certificate
};

// The entries of a full list, by rising key. 40 bytes each. Not thread-safe.
class CrlEntries {
 public:
  // REQUIRES: a key above those before; not from before 1970.
  void add(const Revocation& revocation);
  // A hold that was released, or became final under another key; nothing where it is not there.
  void remove(std::int64_t key);
  // Drops the entries of certificates that had ended at `before`. A certificate that is revoked stands in at
  // least one list that was made after its end (RFC 5280, section 3.3): pass the time of the last full list.
  void dropExpired(base::Time before);
  std::size_t size() const noexcept { return entries_.size(); }
  bool empty() const noexcept { return entries_.empty(); }
  // Those with a key above `key`.
  std::vector<Revocation> since(std::int64_t key) const;

 private:
  friend class CrlWriter;
  struct Entry {
    std::int64_t key;
    Serial serial;
    std::uint32_t at;  // seconds since 1970, as are all times of entries
    std::uint32_t expires;
    RevocationReason reason;
  };
  std::vector<Entry> entries_;
};

struct CrlTimes {
  base::Time thisUpdate{};
  base::Time nextUpdate{};
};

// Numbers rise even after a restore of an older database.
std::int64_t nextCrlNumber(std::int64_t last, std::int64_t unixMilliseconds) noexcept;

// A full list, DER. Errors: Internal.
base::Result<base::Bytes> signCrl(const Issuer& issuer, const CrlEntries& entries, CrlTimes times,
                                  std::int64_t number);
// What changed since the full list with the number `full` (RFC 5280, section 5.2.4); released holds with the
// reason RemoveFromCrl.
base::Result<base::Bytes> signDeltaCrl(const Issuer& issuer, const CrlEntries& changes, CrlTimes times,
                                       std::int64_t number, std::int64_t full);

}  // namespace kms::pki
