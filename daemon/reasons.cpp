#include "daemon/reasons.h"

#include <algorithm>
#include <array>

namespace kmsd {
namespace {

using base::Code;
using base::Reason;

constexpr int kWrongMedium = 5057;
constexpr int kDirectoryDamaged = 5058;
constexpr int kDatabaseUnusable = 5085;

// In the order of the enumeration, so that a reason is its own index; checked below.
constexpr std::array kReasons = {
    ReasonRow{Reason::None, "none", 0, Exit::Yes, 200},
    ReasonRow{Reason::AwaitingMedium, "awaiting_medium", 0, Exit::NoMedium, 503},
    ReasonRow{Reason::Foreign, "foreign", kWrongMedium, Exit::BadMedium, 503},
    ReasonRow{Reason::Damaged, "damaged", kWrongMedium, Exit::BadMedium, 503},
    ReasonRow{Reason::Blank, "blank", kWrongMedium, Exit::BadMedium, 503},
    ReasonRow{Reason::Unformatted, "unformatted", kWrongMedium, Exit::BadMedium, 503},
    ReasonRow{Reason::NotFat, "not_fat", kWrongMedium, Exit::BadMedium, 503},
    ReasonRow{Reason::KeyMismatch, "key_mismatch", kWrongMedium, Exit::BadMedium, 503},
    ReasonRow{Reason::PinNeeded, "pin_needed", 0, Exit::Sealed, 503},
    ReasonRow{Reason::PassphraseNeeded, "passphrase_needed", 0, Exit::Sealed, 503},
    ReasonRow{Reason::SealedByCommand, "sealed_by_command", 0, Exit::Sealed, 503},
    ReasonRow{Reason::MediumRemoved, "medium_removed", 0, Exit::Sealed, 503},
    ReasonRow{Reason::DatabaseMissing, "database_missing", kDatabaseUnusable, Exit::Failed, 503},
    ReasonRow{Reason::DatabaseCorrupt, "database_corrupt", kDatabaseUnusable, Exit::Failed, 503},
    ReasonRow{Reason::AuditUnwritable, "audit_unwritable", 0, Exit::Failed, 503},
    ReasonRow{Reason::AuditBroken, "audit_broken", kDirectoryDamaged, Exit::Failed, 503},
    ReasonRow{Reason::MediumBusy, "medium_busy", 0, Exit::InUse, 503},
    ReasonRow{Reason::MediumReadOnly, "medium_read_only", 0, Exit::Refused, 503},
    ReasonRow{Reason::MediumTooSmall, "medium_too_small", 0, Exit::BadMedium, 503},
    ReasonRow{Reason::MediumNotPermitted, "medium_not_permitted", 0, Exit::Refused, 503},
    ReasonRow{Reason::MediumHoldsFiles, "medium_holds_files", 0, Exit::Refused, 409},
    ReasonRow{Reason::MediumHoldsKey, "medium_holds_key", 0, Exit::Refused, 409},
    ReasonRow{Reason::Sealed, "sealed", 0, Exit::Sealed, 503},
    ReasonRow{Reason::UnknownField, "unknown_field", 0, Exit::Usage, 400},
    ReasonRow{Reason::TooLarge, "too_large", 0, Exit::Usage, 413},
    ReasonRow{Reason::Unauthenticated, "unauthenticated", 0, Exit::Refused, 401},
    ReasonRow{Reason::Forbidden, "forbidden", 0, Exit::Refused, 403},
    ReasonRow{Reason::ClockBack, "clock_back", 0, Exit::Failed, 503},
    ReasonRow{Reason::LastUse, "last_use", 0, Exit::Refused, 403},
    ReasonRow{Reason::DataDirectoryMissing, "data_directory_missing", 0, Exit::Failed, 503},
    ReasonRow{Reason::DataDirectoryNotOurs, "data_directory_not_ours", 0, Exit::Failed, 503},
    ReasonRow{Reason::DataDirectoryUnsafe, "data_directory_unsafe", 0, Exit::Refused, 503},
    ReasonRow{Reason::ServerExists, "server_exists", 0, Exit::InUse, 409},
    ReasonRow{Reason::LockHeld, "lock_held", 0, Exit::Refused, 409},
    ReasonRow{Reason::AddressInUse, "address_in_use", 0, Exit::InUse, 409},
    ReasonRow{Reason::ServerUnreachable, "server_unreachable", 0, Exit::Unreachable, 503},
    ReasonRow{Reason::Interrupted, "interrupted", 0, Exit::Interrupted, 503},
    ReasonRow{Reason::FileMissing, "file_missing", 0, Exit::Failed, 503},
};

constexpr bool inOrder() {
  for (std::size_t i = 0; i < kReasons.size(); ++i) {
    if (static_cast<std::size_t>(kReasons[i].reason) != i) return false;
  }
  return static_cast<std::size_t>(Reason::FileMissing) + 1 == kReasons.size();
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
