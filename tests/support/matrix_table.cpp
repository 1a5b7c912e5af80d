#include "tests/support/matrix_table.h"

#include <sstream>

namespace tests {

std::vector<Words> wordsOf(std::string_view table) {
  std::vector<Words> lines;
  std::istringstream all{std::string(table)};
  for (std::string text; std::getline(all, text);) {
    std::erase(text, '|');
    std::istringstream words(text);
    Words line;
    for (std::string word; words >> word;) line.push_back(word);
    if (!line.empty()) lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace tests
