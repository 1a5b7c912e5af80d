// The lines of a key file, as views into the caller's text: nothing here copies a line, because one of them
// is the key.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace hal {

struct KeyFileLine {
  enum class Section : std::uint8_t { None, Config, Medium, Other };
  Section section = Section::None;
  std::string_view name;   // before '=', without blanks around it; in the file's case
  std::string_view value;  // behind '=', without blanks around it
  std::size_t number = 0;  // from 1
};

// All lines of the form name=value, in order. Blank lines, comments (';' or '#' first) and anything else are
// left out.
std::vector<KeyFileLine> splitKeyFile(std::string_view text);

std::string_view trimBlanks(std::string_view text) noexcept;              // spaces and tabs
bool equalIgnoringCase(std::string_view a, std::string_view b) noexcept;  // ASCII

// The crc of the [medium] lines: CRC-32 over "name=value\n" of each, names in small letters, the crc's own
// line left out, sorted by name and then by value.
std::uint32_t mediumCrc(std::vector<KeyFileLine> medium);

}  // namespace hal
