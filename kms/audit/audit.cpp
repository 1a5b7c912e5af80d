#include "kms/audit/audit.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "hal/base/rfc3339.h"
#include "hal/base/utf8.h"

namespace kms {
namespace {

// The longest start of `text` of at most `most` bytes that splits no character. REQUIRES: validUtf8(text).
std::string_view cutAt(std::string_view text, std::size_t most) {
  const auto inside = [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; };
  while (most > 0 && inside(text[most])) --most;
  return text.substr(0, most);
}

std::string bounded(std::string_view text) {
  // Twice the bound is all that can matter, and bounds the work on what a stranger sent.
  std::string clean(text.substr(0, 2 * kAuditText));
  const bool whole = clean.size() == text.size();
  if (!base::validUtf8(whole ? std::string_view(clean) : cutAt(clean, clean.size() - 1)))
    std::replace_if(
        clean.begin(), clean.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80U; }, '?');
  if (whole && clean.size() <= kAuditText) return clean;
  return std::string(cutAt(clean, kAuditText)) + std::string(kAuditCut);
}

// The escape of a character that may not stand as it is in a JSON string (RFC 8259, section 7).
void appendEscape(std::string& out, unsigned char c) {
  constexpr std::string_view kShort = "\"\\\b\f\n\r\t";
  constexpr std::string_view kLetter = "\"\\bfnrt";
  constexpr std::string_view kHex = "0123456789abcdef";
  out += '\\';
  if (const auto at = kShort.find(static_cast<char>(c)); at != std::string_view::npos) {
    out += kLetter[at];
    return;
  }
  out += "u00";
  out += kHex[c >> 4U];
  out += kHex[c & 15U];
}

void appendEscaped(std::string& out, std::string_view text) {
  std::size_t from = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20U && c != '"' && c != '\\') continue;
    out += text.substr(from, i - from);
    appendEscape(out, c);
    from = i + 1;
  }
  out += text.substr(from);
}

void appendMember(std::string& out, std::string_view name, std::string_view text) {
  out += name;
  if (text.size() <= kAuditText && base::validUtf8(text)) {
    appendEscaped(out, text);
  } else {
    appendEscaped(out, bounded(text));
  }
  out += '"';
}

}  // namespace

std::string auditText(base::Time at, const AuditEntry& entry) {
  std::string out;
  out.reserve(192 + entry.actor.size() + entry.object.size() + entry.user.size() + entry.detail.size());
  std::array<char, 8> id{};
  const auto end = std::to_chars(id.data(), id.data() + id.size(), static_cast<unsigned>(entry.event)).ptr;
  out += "{\"event\":";
  out.append(id.data(), end);
  out += ",\"name\":\"";
  out += eventName(entry.event);
  out += '"';
  appendMember(out, ",\"actor\":\"", entry.actor);
  appendMember(out, ",\"object\":\"", entry.object);
  if (!entry.user.empty()) appendMember(out, ",\"user\":\"", entry.user);
  if (entry.until) appendMember(out, ",\"until\":\"", base::formatTime(*entry.until));
  appendMember(out, ",\"detail\":\"", entry.detail);
  appendMember(out, ",\"at\":\"", base::formatTime(at));
  out += '}';
  return out;
}

base::Result<void> record(Txn& txn, base::Time at, const AuditEntry& entry) {
  return txn.appendAudit(base::asBytes(auditText(at, entry)));
}

}  // namespace kms
