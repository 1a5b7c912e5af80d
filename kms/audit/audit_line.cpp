#include "kms/audit/audit_line.h"

#include <algorithm>
#include <charconv>

#include "hal/base/rfc3339.h"
#include "hal/base/utf8.h"

namespace kms {
namespace {

constexpr std::string_view kDomain = "keydisk/1/audit-checkpoint";
constexpr std::size_t kDigitsMost = 18;
constexpr std::size_t kNameMost = 64;

base::Error malformed() { return {base::Code::Corrupt, "is not a line of the audit log"}; }

int hexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

// Past a mismatch every read gives nothing and ok() stays false.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  bool ok() const noexcept { return ok_; }
  bool atEnd() const noexcept { return ok_ && rest_.empty(); }
  // Takes the word where it is next.
  bool take(std::string_view word) {
    if (!ok_ || !rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }
  void need(std::string_view word) { ok_ = take(word); }
  void refuse() { ok_ = false; }

  std::int64_t number() {
    const auto size = std::min(rest_.find_first_not_of("0123456789"), rest_.size());
    std::int64_t value = 0;
    if (!ok_ || size == 0 || size > kDigitsMost || (size > 1 && rest_.front() == '0')) return fail(value);
    std::from_chars(rest_.data(), rest_.data() + size, value);
    rest_.remove_prefix(size);
    return value;
  }
  AuditHash hex() {
    AuditHash out{};
    if (!ok_ || rest_.size() < 2 * out.size()) return fail(out);
    for (std::size_t i = 0; i < out.size(); ++i) {
      const int high = hexDigit(rest_[2 * i]);
      const int low = hexDigit(rest_[2 * i + 1]);
      if (high < 0 || low < 0) return fail(AuditHash{});
      out[i] = static_cast<std::byte>(high * 16 + low);
    }
    rest_.remove_prefix(2 * out.size());
    return out;
  }
  base::Time time() {
    constexpr std::size_t kSize = 20;
    const auto parsed = ok_ ? base::parseTime(rest_.substr(0, kSize)) : std::nullopt;
    if (!parsed) return fail(base::Time{});
    rest_.remove_prefix(kSize);
    return *parsed;
  }
  std::string_view word() {
    const auto size =
        std::min(rest_.find_first_not_of("abcdefghijklmnopqrstuvwxyz_0123456789"), rest_.size());
    if (!ok_ || size == 0 || size > kNameMost) return fail(std::string_view());
    const auto out = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return out;
  }
  // A string with its quotes; gives what is between them.
  std::string_view text() {
    need("\"");
    for (std::size_t i = 0; ok_ && i < rest_.size(); ++i) {
      const char c = rest_[i];
      if (c == '"') {
        const auto out = rest_.substr(0, i);
        rest_.remove_prefix(i + 1);
        return base::validUtf8(out) ? out : fail(out);
      }
      if (static_cast<unsigned char>(c) < 0x20U) break;
      if (c != '\\') continue;
      const std::size_t size = escapeSize(rest_.substr(i));
      if (size == 0) break;
      i += size - 1;
    }
    return fail(std::string_view());
  }

 private:
  template <class T>
  T fail(T value) {
    ok_ = false;
    return value;
  }
  // Of an escape as auditText() makes it; 0 for any other.
  static std::size_t escapeSize(std::string_view at) {
    if (at.size() < 2) return 0;
    if (std::string_view("\"\\bfnrt").find(at[1]) != std::string_view::npos) return 2;
    const bool control =
        at.size() >= 6 && at.starts_with("\\u00") && (at[4] == '0' || at[4] == '1') && hexDigit(at[5]) >= 0;
    return control ? 6 : 0;
  }

  std::string_view rest_;
  bool ok_ = true;
};

AuditFacts scanEntry(Scanner& in) {
  AuditFacts out;
  in.need("\"event\":");
  const std::int64_t event = in.number();
  if (event > 0xFFFF) in.refuse();
  out.event = static_cast<std::uint16_t>(event);
  in.need(",\"name\":\"");
  out.name = in.word();
  in.need("\",\"actor\":");
  out.actor = in.text();
  in.need(",\"object\":");
  out.object = in.text();
  if (in.take(",\"user\":")) out.user = in.text();
  if (in.take(",\"until\":\"")) {
    out.until = in.time();
    in.need("\"");
  }
  in.need(",\"detail\":");
  out.detail = in.text();
  in.need(",\"at\":\"");
  out.at = in.time();
  in.need("\"");
  return out;
}

void appendNumber(std::string& out, std::int64_t number) {
  std::array<char, 24> digits{};
  out.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr);
}

void appendHex(std::string& out, const AuditHash& bytes) {
  constexpr std::string_view kHex = "0123456789abcdef";
  for (const std::byte b : bytes) {
    out += kHex[std::to_integer<unsigned>(b) >> 4U];
    out += kHex[std::to_integer<unsigned>(b) & 15U];
  }
}

void appendPlace(std::string& out, std::int64_t number, const AuditHash& prev) {
  out += "{\"n\":";
  appendNumber(out, number);
  out += ",\"prev\":\"";
  appendHex(out, prev);
  out += "\",";
}

}  // namespace

base::Result<AuditLine> parseAuditLine(std::string_view line) {
  if (line.size() > kAuditLineMost) return malformed();
  Scanner in(line);
  AuditLine out;
  in.need("{\"n\":");
  out.number = in.number();
  in.need(",\"prev\":\"");
  out.prev = in.hex();
  in.need("\",");
  if (in.take("\"checkpoint\":\"")) {
    out.checkpoint = in.hex();
    in.need("\",\"at\":\"");
    out.at = in.time();
    in.need("\"");
  } else {
    out.entry = scanEntry(in);
    out.at = out.entry.at;
    out.sealed = in.take(",\"sealed\":true");
  }
  in.need("}");
  if (!in.atEnd()) return malformed();
  return out;
}

base::Result<AuditFacts> parseAuditEntry(std::string_view text) {
  // The rest of a line is shorter than 256 bytes.
  if (text.size() > kAuditLineMost - 256) return malformed();
  Scanner in(text);
  in.need("{");
  AuditFacts out = scanEntry(in);
  in.need("}");
  if (!in.atEnd()) return malformed();
  return out;
}

std::string auditUnescape(std::string_view text) {
  constexpr std::string_view kLetter = "\"\\bfnrt";
  constexpr std::string_view kMeans = "\"\\\b\f\n\r\t";
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 >= text.size()) {
      out += text[i];
      continue;
    }
    const char letter = text[++i];
    if (const auto at = kLetter.find(letter); at != std::string_view::npos) {
      out += kMeans[at];
    } else if (i + 4 < text.size()) {
      out += static_cast<char>(hexDigit(text[i + 3]) * 16 + hexDigit(text[i + 4]));
      i += 4;
    }
  }
  return out;
}

void appendAuditLine(std::string& out, std::int64_t number, const AuditHash& prev, std::string_view entry,
                     bool sealed) {
  appendPlace(out, number, prev);
  out += entry.substr(1, entry.size() - 2);
  out += sealed ? ",\"sealed\":true}" : "}";
}

void appendCheckpointLine(std::string& out, std::int64_t number, const AuditHash& prev, const Mac& mac,
                          base::Time at) {
  appendPlace(out, number, prev);
  out += "\"checkpoint\":\"";
  appendHex(out, mac);
  out += "\",\"at\":\"";
  out += base::formatTime(at);
  out += "\"}";
}

base::Bytes checkpointMessage(const base::Uuid& server, std::int64_t number, const AuditHash& prev,
                              base::Time at) {
  base::ByteWriter out;
  out.raw(base::asBytes(kDomain));
  out.raw(server.bytes());
  out.u64(static_cast<std::uint64_t>(number));
  out.raw(prev);
  out.u64(static_cast<std::uint64_t>(at.time_since_epoch().count()));
  return std::move(out).take();
}

}  // namespace kms
