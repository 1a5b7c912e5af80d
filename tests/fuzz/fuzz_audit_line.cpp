// Fuzzes the readers of the audit log: lines of its files, and the entries that wait for them in the
// database.
#include <cstdint>

#include "hal/base/utf8.h"
#include "kms/audit/audit_line.h"

namespace {

void read(const kms::AuditFacts& facts) {
  for (const std::string_view text : {facts.actor, facts.object, facts.user, facts.detail})
    if (!base::validUtf8(kms::auditUnescape(text))) __builtin_trap();
}

bool same(const kms::AuditFacts& a, const kms::AuditFacts& b) {
  return a.event == b.event && a.name == b.name && a.actor == b.actor && a.object == b.object &&
         a.user == b.user && a.until == b.until && a.detail == b.detail && a.at == b.at;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto line = kms::parseAuditLine(text)) {
    if (size > kms::kAuditLineMost) __builtin_trap();
    if (!line->checkpoint) read(line->entry);
  } else if (line.error().what.empty()) {
    __builtin_trap();
  }
  const auto entry = kms::parseAuditEntry(text);
  if (!entry) return 0;
  read(*entry);
  // An entry that is taken makes a line that is taken, and tells the same.
  std::string made;
  kms::appendAuditLine(made, 7, kms::AuditHash{}, text, true);
  const auto line = kms::parseAuditLine(made);
  if (made.size() > kms::kAuditLineMost) return 0;
  if (!line || line->number != 7 || !line->sealed || line->checkpoint || !same(line->entry, *entry))
    __builtin_trap();
  return 0;
}
