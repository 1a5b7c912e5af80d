// What each reason and error code means outside: its stable name, event id, exit code and HTTP status. One
// table, for the daemon, the commands and the documents.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "hal/base/result.h"

namespace kmsd {

// Exit codes of kmsd and kmsctl.
enum class Exit : int {
  Yes = 0,
  No = 1,  // token not active, not found; a bulk command with a failed row
  Usage = 2,
  Sealed = 3,
  BadMedium = 4,  // wrong or damaged
  NoMedium = 5,
  Refused = 6,      // role, policy, lock held
  Unreachable = 7,  // server
  Failed = 8,
  InUse = 9,  // in use or already there
  Interrupted = 130
};

struct ReasonRow {
  base::Reason reason;
  std::string_view name;  // "awaiting_medium"; `reason` of a status, `code` of a problem document
  int event;              // 0: none
  Exit exit;
  int http;
  std::string_view meaning{};  // for the manual pages: one clause
};

struct ExitRow {
  Exit exit;
  std::string_view meaning;
};

std::span<const ReasonRow> reasonTable() noexcept;
std::span<const ExitRow> exitTable() noexcept;
const ReasonRow& rowOf(base::Reason reason) noexcept;
// An error with no reason of its own is told by its code ("not_found", "conflict", ...).
std::string_view nameOf(const base::Error& error) noexcept;
Exit exitOf(const base::Error& error) noexcept;
int httpOf(const base::Error& error) noexcept;
// From a problem document's `code` back to the exit code; Failed where it is not known.
Exit exitOfName(std::string_view name) noexcept;

}  // namespace kmsd
