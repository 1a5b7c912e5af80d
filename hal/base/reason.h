// The reasons that the product gives to its operators, as one closed list. What each means to the outside
// (stable name, event id, exit code, HTTP status) stands in daemon/reasons.cpp and nowhere else.
#pragma once

#include <cstdint>

namespace base {

enum class Reason : std::uint8_t {
  None,
  // Why the server is sealed, or why a medium did not open it.
  AwaitingMedium,
  Foreign,
  Damaged,
  Blank,
  Unformatted,
  NotFat,
  KeyMismatch,
  PinNeeded,
  PassphraseNeeded,
  SealedByCommand,
  MediumRemoved,
  DatabaseMissing,
  DatabaseCorrupt,
  AuditUnwritable,
  AuditBroken,
  // What else can be wrong with a medium or its drive.
  MediumBusy,
  MediumReadOnly,
  MediumTooSmall,
  MediumNotPermitted,
  MediumHoldsFiles,
  MediumHoldsKey,
  // Why a request was refused.
  Sealed,
  UnknownField,
  TooLarge,
  Unauthenticated,
  Forbidden,
  ClockBack,
  LastUse,
  // Why a command of this host was refused.
  DataDirectoryMissing,
  DataDirectoryNotOurs,
  DataDirectoryUnsafe,
  ServerExists,
  LockHeld,
  AddressInUse,
  ServerUnreachable,
  Interrupted,
  FileMissing,
  // Of a request that came in clear.
  TlsRequired,
  // Of a card's PIN.
  PinWrong,
  PinBlocked,
  PinWithheld,
  // Of certificates.
  NoAuthority,
  TokenRefused,
  CertificateRefused,
  // Of what several administrators must agree to.
  ApprovalNeeded,
  ApprovalClosed,
  // Of the authority's certificate.
  AuthorityEnded,
  // Of backups, and of a server that was restored or moved.
  BackupDamaged,
  BackupForged,
  BackupUnsigned,
  BackupOlder,
  ServerMoved,
  NoSpace,
  // Of a key in shares: more of them are needed.
  SharesNeeded,
};

}  // namespace base
