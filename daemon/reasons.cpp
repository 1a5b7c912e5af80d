#include "daemon/reasons.h"

#include <algorithm>
#include <array>

#include "kms/audit/audit.h"

namespace kmsd {
namespace {

using base::Code;
using base::Reason;

constexpr int kWrongMedium = static_cast<int>(kms::Event::MediumRefused);
constexpr int kDirectoryDamaged = static_cast<int>(kms::Event::DataDirectoryDamaged);
constexpr int kDatabaseUnusable = static_cast<int>(kms::Event::DatabaseUnusable);
constexpr int kAuditUnwritable = static_cast<int>(kms::Event::AuditUnwritable);

// In the order of the enumeration, so that a reason is its own index; checked below.
constexpr std::array kReasons = {
    ReasonRow{Reason::None, "none", 0, Exit::Yes, 200},
    ReasonRow{Reason::AwaitingMedium, "awaiting_medium", 0, Exit::NoMedium, 503,
              "the server waits for its key medium"},
    ReasonRow{Reason::Foreign, "foreign", kWrongMedium, Exit::BadMedium, 503,
              "the medium is another server's"},
    ReasonRow{Reason::Damaged, "damaged", kWrongMedium, Exit::BadMedium, 503,
              "the medium, its volume or its key file is damaged"},
    ReasonRow{Reason::Blank, "blank", kWrongMedium, Exit::BadMedium, 503,
              "the medium has a volume and no key file"},
    ReasonRow{Reason::Unformatted, "unformatted", kWrongMedium, Exit::BadMedium, 503,
              "the medium was never formatted"},
    ReasonRow{Reason::NotFat, "not_fat", kWrongMedium, Exit::BadMedium, 503,
              "the medium holds no FAT volume"},
    ReasonRow{Reason::KeyMismatch, "key_mismatch", kWrongMedium, Exit::BadMedium, 503,
              "the key or passphrase does not open this database"},
    ReasonRow{Reason::PinNeeded, "pin_needed", 0, Exit::Sealed, 503, "the medium asks for a PIN"},
    ReasonRow{Reason::PassphraseNeeded, "passphrase_needed", 0, Exit::Sealed, 503,
              "the key slot asks for a passphrase"},
    ReasonRow{Reason::SealedByCommand, "sealed_by_command", 0, Exit::Sealed, 503,
              "an administrator sealed the server"},
    ReasonRow{Reason::MediumRemoved, "medium_removed", 0, Exit::Sealed, 503,
              "the medium was pulled, and the policy says to seal then"},
    ReasonRow{Reason::DatabaseMissing, "database_missing", kDatabaseUnusable, Exit::Failed, 503,
              "the data directory has no database"},
    ReasonRow{Reason::DatabaseCorrupt, "database_corrupt", kDatabaseUnusable, Exit::Failed, 503,
              "the database is damaged"},
    ReasonRow{Reason::AuditUnwritable, "audit_unwritable", kAuditUnwritable, Exit::Failed, 503,
              "the audit log cannot be written"},
    ReasonRow{Reason::AuditBroken, "audit_broken", kDirectoryDamaged, Exit::Failed, 503,
              "the audit log was changed or is damaged"},
    ReasonRow{Reason::MediumBusy, "medium_busy", 0, Exit::InUse, 503,
              "another program uses or changes the medium"},
    ReasonRow{Reason::MediumReadOnly, "medium_read_only", 0, Exit::Refused, 503,
              "the medium is write-protected"},
    ReasonRow{Reason::MediumTooSmall, "medium_too_small", 0, Exit::BadMedium, 503,
              "the medium has less than 720 kB"},
    ReasonRow{Reason::MediumNotPermitted, "medium_not_permitted", 0, Exit::Refused, 503,
              "the permissions of the medium do not let it be opened"},
    ReasonRow{Reason::MediumHoldsFiles, "medium_holds_files", 0, Exit::Refused, 409,
              "the medium holds other data, and --format was not given"},
    ReasonRow{Reason::MediumHoldsKey, "medium_holds_key", 0, Exit::Refused, 409,
              "the medium holds a key, and --destroy-key was not given for it"},
    ReasonRow{Reason::Sealed, "sealed", 0, Exit::Sealed, 503,
              "the server is sealed, and what was asked needs it open"},
    ReasonRow{Reason::UnknownField, "unknown_field", 0, Exit::Usage, 400,
              "the request has a field that the server does not know"},
    ReasonRow{Reason::TooLarge, "too_large", 0, Exit::Usage, 413,
              "the request is larger than the server takes"},
    ReasonRow{Reason::Unauthenticated, "unauthenticated", 0, Exit::Refused, 401, "it is not known who asks"},
    ReasonRow{Reason::Forbidden, "forbidden", 0, Exit::Refused, 403,
              "the role or the scopes do not allow it"},
    ReasonRow{Reason::ClockBack, "clock_back", 0, Exit::Failed, 503,
              "the clock stands behind the last time that was recorded; set it right"},
    ReasonRow{Reason::LastUse, "last_use", 0, Exit::Refused, 403, "the token has no use left"},
    ReasonRow{Reason::DataDirectoryMissing, "data_directory_missing", 0, Exit::Failed, 503,
              "the data directory, or the directory it is to be made in, is not there"},
    ReasonRow{Reason::DataDirectoryNotOurs, "data_directory_not_ours", 0, Exit::Failed, 503,
              "the data directory holds no server, or other files"},
    ReasonRow{Reason::DataDirectoryUnsafe, "data_directory_unsafe", 0, Exit::Refused, 503,
              "the data directory is a link, belongs to another user or is open to others; the message says "
              "what mends it"},
    ReasonRow{Reason::ServerExists, "server_exists", 0, Exit::InUse, 409, "a server is set up there already"},
    ReasonRow{Reason::LockHeld, "lock_held", 0, Exit::Refused, 409,
              "another process works on the data directory"},
    ReasonRow{Reason::AddressInUse, "address_in_use", 0, Exit::InUse, 409,
              "another process listens at the address"},
    ReasonRow{Reason::ServerUnreachable, "server_unreachable", 0, Exit::Unreachable, 503,
              "the server does not answer"},
    ReasonRow{Reason::Interrupted, "interrupted", 0, Exit::Interrupted, 503, "a signal ended the program"},
    ReasonRow{Reason::FileMissing, "file_missing", 0, Exit::Failed, 503,
              "a file that was named is not there"},
    ReasonRow{Reason::TlsRequired, "tls_required", 0, Exit::Refused, 403,
              "the server does not answer that in clear; ask over https"},
    ReasonRow{Reason::PinWrong, "pin_wrong", 0, Exit::Refused, 403, "the card refused the PIN"},
    ReasonRow{Reason::PinBlocked, "pin_blocked", 0, Exit::BadMedium, 503,
              "the card takes no PIN any more, until it is unblocked"},
    ReasonRow{Reason::PinWithheld, "pin_withheld", 0, Exit::Refused, 403,
              "the card is strange, refused this PIN before, or the next wrong one would block it"},
    ReasonRow{Reason::NoAuthority, "no_authority", 0, Exit::No, 404,
              "the server has no certificate authority yet"},
    ReasonRow{Reason::TokenRefused, "token_refused", 0, Exit::Refused, 401,
              "there is no such user, or the one-time token is wrong, used or expired, or another key came "
              "first"},
    ReasonRow{Reason::CertificateRefused, "certificate_refused", 0, Exit::Refused, 401,
              "the certificate is not one of this server's that counts now"},
    ReasonRow{Reason::ApprovalNeeded, "approval_needed", 0, Exit::Refused, 403,
              "more administrators must agree first; the message names the request that they approve"},
    ReasonRow{Reason::ApprovalClosed, "approval_closed", 0, Exit::Refused, 409,
              "the request for approval was used or cancelled, or has expired"},
    ReasonRow{Reason::AuthorityEnded, "authority_ended", 0, Exit::Failed, 503,
              "the certificate of the server's authority has ended; an administrator must renew it"},
    ReasonRow{Reason::BackupDamaged, "backup_damaged", 0, Exit::Failed, 500,
              "the backup is damaged or cut off; the message says where"},
    ReasonRow{Reason::BackupForged, "backup_forged", 0, Exit::Refused, 503,
              "the backup that was restored is not one that this server made"},
    ReasonRow{Reason::BackupUnsigned, "backup_unsigned", 0, Exit::Refused, 403,
              "the backup is unsigned, and --accept-unsigned was not given"},
    ReasonRow{Reason::BackupOlder, "backup_older", 0, Exit::Refused, 503,
              "the server was restored from an older state, and --accept-older was not given"},
    ReasonRow{Reason::ServerMoved, "server_moved", 0, Exit::Refused, 503,
              "the server was moved to another host, and --unmove was not given"},
    ReasonRow{Reason::NoSpace, "no_space", 0, Exit::Failed, 503, "there is not enough space on the disk"},
    ReasonRow{Reason::SharesNeeded, "shares_needed", 0, Exit::Sealed, 503,
              "more shares of the key are needed; the message says how many"},
};

constexpr bool inOrder() {
  for (std::size_t i = 0; i < kReasons.size(); ++i) {
    if (static_cast<std::size_t>(kReasons[i].reason) != i) return false;
  }
  return static_cast<std::size_t>(Reason::SharesNeeded) + 1 == kReasons.size();
}
static_assert(inOrder(), "one row for each reason, in the order of base::Reason");

struct CodeRow {
  Code code;
  std::string_view name;
  Exit exit;
  int http;
};

// What an error means that has no reason of its own.
constexpr std::array kCodes = {
    CodeRow{Code::Invalid, "invalid_request", Exit::Usage, 400},
    CodeRow{Code::NotFound, "not_found", Exit::No, 404},
    CodeRow{Code::NotMine, "not_mine", Exit::BadMedium, 503},
    CodeRow{Code::Unavailable, "unavailable", Exit::Failed, 503},
    CodeRow{Code::Unsupported, "unsupported", Exit::Failed, 501},
    CodeRow{Code::Timeout, "timeout", Exit::Failed, 504},
    CodeRow{Code::Io, "io", Exit::Failed, 500},
    CodeRow{Code::Corrupt, "corrupt", Exit::Failed, 500},
    CodeRow{Code::Denied, "denied", Exit::Refused, 403},
    CodeRow{Code::Conflict, "conflict", Exit::InUse, 409},
    CodeRow{Code::Internal, "internal", Exit::Failed, 500},
};

constexpr bool codesInOrder() {
  for (std::size_t i = 0; i < kCodes.size(); ++i) {
    if (static_cast<std::size_t>(kCodes[i].code) != i) return false;
  }
  return static_cast<std::size_t>(Code::Internal) + 1 == kCodes.size();
}
static_assert(codesInOrder(), "one row for each code, in the order of base::Code");

const CodeRow& rowOf(Code code) noexcept { return kCodes[static_cast<std::size_t>(code)]; }

}  // namespace

std::span<const ReasonRow> reasonTable() noexcept { return kReasons; }

std::span<const ExitRow> exitTable() noexcept {
  static constexpr std::array kExits = {
      ExitRow{Exit::Yes, "yes, done"},
      ExitRow{Exit::No, "no: token not active, not found; a bulk command with a failed row"},
      ExitRow{Exit::Usage, "usage"},
      ExitRow{Exit::Sealed, "the server is sealed"},
      ExitRow{Exit::BadMedium, "wrong or damaged medium"},
      ExitRow{Exit::NoMedium, "no medium"},
      ExitRow{Exit::Refused, "refused: role, policy, lock held, permission"},
      ExitRow{Exit::Unreachable, "server not reachable"},
      ExitRow{Exit::Failed, "other failure"},
      ExitRow{Exit::InUse, "in use, or already there"},
      ExitRow{Exit::Interrupted, "interrupted"},
  };
  return kExits;
}

const ReasonRow& rowOf(Reason reason) noexcept { return kReasons[static_cast<std::size_t>(reason)]; }

std::string_view nameOf(const base::Error& error) noexcept {
  return error.reason == Reason::None ? rowOf(error.code).name : rowOf(error.reason).name;
}

Exit exitOf(const base::Error& error) noexcept {
  return error.reason == Reason::None ? rowOf(error.code).exit : rowOf(error.reason).exit;
}

int httpOf(const base::Error& error) noexcept {
  return error.reason == Reason::None ? rowOf(error.code).http : rowOf(error.reason).http;
}

Exit exitOfName(std::string_view name) noexcept {
  const auto reason = std::find_if(kReasons.begin() + 1, kReasons.end(),
                                   [&](const ReasonRow& row) { return row.name == name; });
  if (reason != kReasons.end()) return reason->exit;
  const auto code =
      std::find_if(kCodes.begin(), kCodes.end(), [&](const CodeRow& row) { return row.name == name; });
  return code != kCodes.end() ? code->exit : Exit::Failed;
}

}  // namespace kmsd
