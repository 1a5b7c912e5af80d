// The lines of the audit log's files: how they are made, and how they are read. Files are a stranger's input,
// so the readers are pure, bounded and strict: members in one order, no blanks, nothing else.
//
// line   := '{"n":' number ',"prev":"' hex{64} '",' ( entry [ ',"sealed":true' ] | check ) '}'
// entry  := '"event":' number ',"name":"' word '","actor":' text ',"object":' text [ ',"user":' text ]
//           [ ',"until":"' time '"' ] ',"detail":' text ',"at":"' time '"'
// check  := '"checkpoint":"' hex{64} '","at":"' time '"'
// text: a JSON string (RFC 8259) in UTF-8; time: RFC 3339 as base::formatTime writes it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "hal/base/clock.h"
#include "hal/base/result.h"
#include "hal/base/uuid.h"
#include "kms/keys/open_keys.h"

namespace kms {

using AuditHash = std::array<std::byte, 32>;                // SHA-256 of a line, without its LF
inline constexpr std::size_t kAuditLineMost = 32U * 1024U;  // bytes, without the LF

// What stands in an entry. Texts are as they were written, with JSON's escapes (see auditUnescape), and point
// into what was parsed.
struct AuditFacts {
  std::uint16_t event = 0;
  std::string_view name;
  std::string_view actor;
  std::string_view object;
  std::string_view user;  // empty where it is not told
  std::optional<base::Time> until;
  std::string_view detail;
  base::Time at{};
};

struct AuditLine {
  std::int64_t number = 0;
  AuditHash prev{};
  std::optional<Mac> checkpoint;  // then there is no entry
  AuditFacts entry;
  base::Time at{};
  bool sealed = false;  // written while the server was sealed
};

// Errors: Corrupt.
base::Result<AuditLine> parseAuditLine(std::string_view line);
// One entry of an outbox row, without LF. Errors: Corrupt.
base::Result<AuditFacts> parseAuditEntry(std::string_view text);
// REQUIRES: `text` comes from a parser above.
std::string auditUnescape(std::string_view text);

// Both append a line without its LF. REQUIRES: parseAuditEntry(entry).
void appendAuditLine(std::string& out, std::int64_t number, const AuditHash& prev, std::string_view entry,
                     bool sealed);
void appendCheckpointLine(std::string& out, std::int64_t number, const AuditHash& prev, const Mac& mac,
                          base::Time at);
// What a checkpoint's MAC is over: its use, its server, its place and its time.
base::Bytes checkpointMessage(const base::Uuid& server, std::int64_t number, const AuditHash& prev,
                              base::Time at);

AuditHash auditHash(std::string_view line);

}  // namespace kms
