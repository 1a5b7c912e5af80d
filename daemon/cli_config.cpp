#include "daemon/cli_line.h"

namespace kmsd {
namespace {

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

}  // namespace

base::Result<std::vector<ConfigLine>> parseConfig(std::string_view text, std::string_view file,
                                                  std::string_view program) {
  std::vector<ConfigLine> lines;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.starts_with('#') || line.starts_with(';')) continue;

    const auto wrong = [&](const std::string& what) {
      return base::Error{base::Code::Invalid,
                         std::string(file) + " line " + std::to_string(number) + ": " + what};
    };
    if (line.starts_with('[')) {
      if (line == "[" + std::string(program) + "]") continue;
      return wrong("there is no section " + std::string(line) + ", only [" + std::string(program) + "]");
    }
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos || equals == 0) return wrong("a line is name=value or a # comment");
    lines.push_back({number, std::string(trimmed(line.substr(0, equals))),
                     std::string(trimmed(line.substr(equals + 1)))});
  }
  return lines;
}

}  // namespace kmsd
