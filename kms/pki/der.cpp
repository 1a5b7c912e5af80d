#include "kms/pki/der.h"

#include <algorithm>

namespace kms::pki {
namespace {

unsigned at(base::BytesView bytes, std::size_t index) { return std::to_integer<unsigned>(bytes[index]); }

// Decimal digits at the front of `text`, or nothing.
std::optional<int> digits(std::string_view& text, std::size_t count) {
  int value = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (i >= text.size() || text[i] < '0' || text[i] > '9') return std::nullopt;
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(count);
  return value;
}

std::optional<base::Time> parseTime(std::string_view text, bool fullYear) {
  const auto year = digits(text, fullYear ? 4 : 2);
  const auto month = digits(text, 2);
  const auto day = digits(text, 2);
  const auto hour = digits(text, 2);
  const auto minute = digits(text, 2);
  const auto second = digits(text, 2);
  if (!year || !month || !day || !hour || !minute || !second || text != "Z") return std::nullopt;
  const int whole = fullYear ? *year : *year + (*year < 50 ? 2000 : 1900);
  const std::chrono::year_month_day date(std::chrono::year(whole),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day)));
  if (!date.ok() || *hour > 23 || *minute > 59 || *second > 59) return std::nullopt;
  return std::chrono::sys_days(date) + std::chrono::hours(*hour) + std::chrono::minutes(*minute) +
         std::chrono::seconds(*second);
}

}  // namespace

std::uint8_t DerReader::peek() const noexcept {
  return in_.empty() ? std::uint8_t{0} : std::to_integer<std::uint8_t>(in_.front());
}

void DerReader::fail() noexcept {
  ok_ = false;
  in_ = {};
}

DerReader::Element DerReader::take() noexcept {
  const auto bad = [this] {
    fail();
    return Element{};
  };
  if (in_.size() < 2 || (at(in_, 0) & 0x1FU) == 0x1F) return bad();
  std::size_t head = 2;
  std::size_t size = at(in_, 1);
  if (size >= 0x80) {
    const std::size_t wide = size & 0x7FU;
    if (wide == 0 || wide > 3 || in_.size() < 2 + wide) return bad();
    size = 0;
    for (std::size_t i = 0; i < wide; ++i) size = size << 8U | at(in_, 2 + i);
    const std::size_t least = wide == 1 ? 0x80 : std::size_t{1} << (8 * (wide - 1));
    if (size < least) return bad();
    head += wide;
  }
  if (in_.size() - head < size) return bad();
  const Element taken{in_.first(head + size), in_.subspan(head, size)};
  in_ = in_.subspan(head + size);
  return taken;
}

base::BytesView DerReader::value(std::uint8_t tag) noexcept {
  if (next(tag)) return take().value;
  fail();
  return {};
}

base::BytesView DerReader::element(std::uint8_t tag) noexcept {
  if (next(tag)) return take().whole;
  fail();
  return {};
}

base::BytesView DerReader::any() noexcept { return take().whole; }

DerReader DerReader::enter(std::uint8_t tag) noexcept {
  DerReader inside(value(tag));
  if (!ok_) inside.fail();
  return inside;
}

bool DerReader::boolean() noexcept {
  const auto content = value(kBoolean);
  if (ok_ && (content.size() != 1 || (at(content, 0) != 0 && at(content, 0) != 0xFF))) fail();
  return ok_ && at(content, 0) != 0;
}

base::BytesView DerReader::natural() noexcept {
  const auto content = value(kInteger);
  if (!ok_) return {};
  const bool negative = !content.empty() && at(content, 0) >= 0x80;
  const bool padded = content.size() > 1 && at(content, 0) == 0 && at(content, 1) < 0x80;
  if (content.empty() || negative || padded) {
    fail();
    return {};
  }
  return at(content, 0) == 0 ? content.subspan(1) : content;
}

std::uint64_t DerReader::small() noexcept {
  const auto content = natural();
  if (content.size() > 8) fail();
  std::uint64_t value = 0;
  for (std::size_t i = 0; ok_ && i < content.size(); ++i) value = value << 8U | at(content, i);
  return value;
}

base::BytesView DerReader::bits() noexcept {
  const auto content = value(kBitString);
  if (ok_ && (content.empty() || at(content, 0) != 0)) fail();
  return ok_ ? content.subspan(1) : base::BytesView{};
}

std::uint16_t DerReader::flags() noexcept {
  const auto content = value(kBitString);
  const unsigned unused = ok_ && !content.empty() ? at(content, 0) : 8;
  if (unused > 7 || content.size() > 3 || (content.size() == 1 && unused != 0)) fail();
  if (ok_ && content.size() > 1 && (at(content, content.size() - 1) & ((1U << unused) - 1)) != 0) fail();
  unsigned set = 0;
  for (unsigned i = 0; ok_ && i < 8 * (content.size() - 1); ++i)
    if ((at(content, 1 + i / 8) & (0x80U >> (i % 8))) != 0) set |= 1U << i;
  return static_cast<std::uint16_t>(set);
}

base::Time DerReader::time() noexcept {
  const bool fullYear = next(kGeneralizedTime);
  const auto read = parseTime(base::asText(value(fullYear ? kGeneralizedTime : kUtcTime)), fullYear);
  if (!read) fail();
  return read.value_or(base::Time{});
}

bool validOid(base::BytesView content) noexcept {
  bool first = true;
  for (const std::byte b : content) {
    if (first && b == std::byte{0x80}) return false;  // a number padded with zeros
    first = (b & std::byte{0x80}) == std::byte{0};
  }
  return !content.empty() && content.size() <= 64 && first;
}

std::string oidText(base::BytesView content) {
  std::string text;
  std::uint64_t value = 0;
  for (const std::byte b : content) {
    value = value << 7U | std::to_integer<std::uint64_t>(b & std::byte{0x7F});
    if ((b & std::byte{0x80}) != std::byte{0}) continue;
    if (text.empty()) {
      const std::uint64_t top = std::min<std::uint64_t>(value / 40, 2);
      text = std::to_string(top);
      value -= top * 40;
    }
    text += '.' + std::to_string(value);
    value = 0;
  }
  return text;
}

// By hand: a list has a million of them, and formatting them by a pattern took half its time.
std::optional<DerTime> derTime(base::Time time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  const int year = static_cast<int>(date.year());
  if (year < 1950 || year > 9999) return std::nullopt;
  DerTime out{year < 2050 ? kUtcTime : kGeneralizedTime, {}};
  const auto two = [&out](auto number) {
    out.text.push_back(static_cast<char>('0' + number / 10 % 10));
    out.text.push_back(static_cast<char>('0' + number % 10));
  };
  if (year >= 2050) two(year / 100);
  two(year);
  two(static_cast<unsigned>(date.month()));
  two(static_cast<unsigned>(date.day()));
  two(clock.hours().count());
  two(clock.minutes().count());
  two(clock.seconds().count());
  out.text.push_back('Z');
  return out;
}

}  // namespace kms::pki
