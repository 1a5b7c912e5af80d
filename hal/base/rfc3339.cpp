#include "hal/base/rfc3339.h"

#include <array>
#include <charconv>
#include <cstdint>

namespace base {
namespace {

// The digits at [from, from + width) of `text`, or nothing.
std::optional<unsigned> digits(std::string_view text, std::size_t from, std::size_t width) {
  unsigned value = 0;
  for (const char c : text.substr(from, width)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  return value;
}

// Every token in an answer has two times, so this is no place for printf.
void appendPadded(std::string& out, std::int64_t value, std::size_t width) {
  std::array<char, 20> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  const auto size = static_cast<std::size_t>(end - text.data());
  if (size < width) out.append(width - size, '0');
  out.append(text.data(), size);
}

}  // namespace

std::string formatTime(Time time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  std::string out;
  appendPadded(out, static_cast<int>(date.year()), 4);
  appendPadded(out += '-', static_cast<unsigned>(date.month()), 2);
  appendPadded(out += '-', static_cast<unsigned>(date.day()), 2);
  appendPadded(out += 'T', clock.hours().count(), 2);
  appendPadded(out += ':', clock.minutes().count(), 2);
  appendPadded(out += ':', clock.seconds().count(), 2);
  return out += 'Z';
}

std::optional<Time> parseTime(std::string_view text) {
  constexpr std::string_view kForm = "dddd-dd-ddTdd:dd:ddZ";
  if (text.size() != kForm.size()) return std::nullopt;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (kForm[i] != 'd' && text[i] != kForm[i]) return std::nullopt;
  }
  const auto year = digits(text, 0, 4);
  const auto month = digits(text, 5, 2);
  const auto day = digits(text, 8, 2);
  const auto hour = digits(text, 11, 2);
  const auto minute = digits(text, 14, 2);
  const auto second = digits(text, 17, 2);
  if (!year || !month || !day || !hour || !minute || !second) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(*year)),
                                         std::chrono::month(*month), std::chrono::day(*day)};
  if (*year < 1970 || !date.ok() || *hour > 23 || *minute > 59 || *second > 59) return std::nullopt;
  return Time(std::chrono::sys_days(date)) + std::chrono::hours(*hour) + std::chrono::minutes(*minute) +
         std::chrono::seconds(*second);
}

}  // namespace base
