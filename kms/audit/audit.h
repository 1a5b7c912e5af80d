// Audit entries: what goes on record. An entry is a row of the SAME transaction as what it tells.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "hal/base/clock.h"
#include "kms/store/store.h"

namespace kms {

// Event ids are stable; 5057, 5058 and 5085 are those of the 1996 server this one is modelled on.
enum class Event : std::uint16_t {
  Unsealed = 5001,
  Sealed = 5002,
  MediumInserted = 5010,
  MediumRemoved = 5011,
  MediumRefused = 5057,  // wrong or damaged key
  DataDirectoryDamaged = 5058,
  DatabaseUnusable = 5085,  // missing or corrupt
  ServerFounded = 5100,
  UserAdded = 5110,
  UserChanged = 5111,
  TokenIssued = 5120,
  TokenRenewed = 5121,
  TokenRevoked = 5122,
  TokenUsed = 5123,
  TokenVoided = 5124,
  UserTokensRevoked = 5125,
  TokenGuessed = 5126,
  AuditUnwritable = 5130,
  AuditWritable = 5131,
  AuditAccepted = 5132,
  CertificateIssued = 5140,
  CertificateConfirmed = 5141,
  CertificateRevoked = 5142,
  CertificateHeld = 5143,
  CertificateReleased = 5144,
  CertificateImported = 5145,
  KeyArchived = 5150,
  KeysRecovered = 5151,
  AuthorityCreated = 5160,
  AuthoritySignersRenewed = 5161,
  AuthorityRequested = 5162,
  AuthorityInstalled = 5163,
  AuthorityRolledOver = 5164,
  ApprovalAsked = 5170,
  ApprovalGiven = 5171,
  ApprovalUsed = 5172,
  ApprovalCancelled = 5173,
  ApprovalExpired = 5174,
  MediumAdded = 5180,
  MediumRetired = 5181,
  MediumRekeyed = 5182,
  RootRenewed = 5183,
  RootRenewalEnded = 5184,
  TokenKeysRenewed = 5185,
  BackupMade = 5190,
  ServerRestored = 5191,
  RestoreAccepted = 5192,
  ServerMoved = 5193,
  UserExported = 5194,
  UserImported = 5195,
  UserMovedAway = 5196,
};

// A row of the one table of events.
struct EventRow {
  Event event;
  std::string_view name;     // stable, as the audit log has it: "token_issued"
  std::string_view meaning;  // one sentence for people
};
// All events, rising.
std::span<const EventRow> eventTable() noexcept;

// The event's name in the table.
std::string_view eventName(Event event) noexcept;

struct AuditEntry {
  Event event{};
  std::string actor;   // who did it: "uid 0", "user alice", "kmsd"
  std::string object;  // what it was done to: a user's name, an accessor, a medium's URI; never a secret
  std::string detail;  // free text for the reader
  std::string user{};  // whose the object is, where it is a token
  std::optional<base::Time> until{};  // when it ends, where it does
};

// {"event", "name", "actor", "object", "detail", "at"} as one line of JSON, with "user" and "until" behind
// "object" where they are known (kms/FORMATS.md). A text above kAuditText bytes is cut and marked; what is no
// UTF-8 in it is replaced.
inline constexpr std::size_t kAuditText = 1024;  // bytes, without the mark
inline constexpr std::string_view kAuditCut = " [cut]";
std::string auditText(base::Time at, const AuditEntry& entry);

// Appends that line to the transaction. Errors: as Txn::appendAudit.
base::Result<void> record(Txn& txn, base::Time at, const AuditEntry& entry);

}  // namespace kms
