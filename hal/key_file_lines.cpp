#include "hal/key_file_lines.h"

#include <algorithm>

#include "hal/base/crc32.h"

namespace hal {
namespace {

constexpr char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

KeyFileLine::Section sectionOf(std::string_view header) noexcept {
  const std::size_t end = header.find(']');
  const std::string_view name = trimBlanks(header.substr(1, end == std::string_view::npos ? end : end - 1));
  if (end == std::string_view::npos) return KeyFileLine::Section::Other;
  if (equalIgnoringCase(name, "config")) return KeyFileLine::Section::Config;
  if (equalIgnoringCase(name, "medium")) return KeyFileLine::Section::Medium;
  return KeyFileLine::Section::Other;
}

bool before(const KeyFileLine& a, const KeyFileLine& b) {
  if (equalIgnoringCase(a.name, b.name)) return a.value < b.value;
  return std::ranges::lexicographical_compare(a.name, b.name, [](char x, char y) {
    return static_cast<unsigned char>(lower(x)) < static_cast<unsigned char>(lower(y));
  });
}

}  // namespace

std::string_view trimBlanks(std::string_view text) noexcept {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

bool equalIgnoringCase(std::string_view a, std::string_view b) noexcept {
  return std::ranges::equal(a, b, {}, lower, lower);
}

std::vector<KeyFileLine> splitKeyFile(std::string_view text) {
  std::vector<KeyFileLine> lines;
  auto section = KeyFileLine::Section::None;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    line = trimBlanks(line);
    if (line.empty() || line.front() == ';' || line.front() == '#') continue;
    if (line.front() == '[') {
      section = sectionOf(line);
    } else if (const std::size_t equals = line.find('='); equals != std::string_view::npos) {
      lines.push_back(
          {section, trimBlanks(line.substr(0, equals)), trimBlanks(line.substr(equals + 1)), number});
    }
  }
  return lines;
}

std::uint32_t mediumCrc(std::vector<KeyFileLine> medium) {
  std::erase_if(medium, [](const KeyFileLine& line) { return equalIgnoringCase(line.name, "crc"); });
  std::ranges::sort(medium, before);
  std::uint32_t crc = 0;
  for (const KeyFileLine& line : medium) {
    for (const char c : line.name) {
      const char small = lower(c);
      crc = base::crc32(base::asBytes({&small, 1}), crc);
    }
    crc = base::crc32(base::asBytes("="), crc);
    crc = base::crc32(base::asBytes(line.value), crc);
    crc = base::crc32(base::asBytes("\n"), crc);
  }
  return crc;
}

}  // namespace hal
