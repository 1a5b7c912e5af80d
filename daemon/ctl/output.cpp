#include "daemon/ctl/output.h"

#include <algorithm>

#include "daemon/terminal.h"

namespace kmsd::ctl {
namespace {

// Code points, which for most of what stands in a table are columns.
std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

std::string padded(std::string text, std::size_t columns) {
  const std::size_t has = width(text);
  if (has < columns) text.append(columns - has, ' ');
  return text;
}

}  // namespace

std::string formatFields(const Fields& fields) {
  std::size_t widest = 0;
  for (const auto& [name, value] : fields) {
    if (!value.empty()) widest = std::max(widest, name.size());
  }
  std::string out;
  for (const auto& [name, value] : fields) {
    if (!value.empty()) out += padded(name, widest + 2) + printable(value) + "\n";
  }
  return out;
}

std::string formatTable(const std::vector<std::string>& headings,
                        const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::vector<std::string>> cells = {headings};
  for (const auto& row : rows) {
    auto& line = cells.emplace_back();
    for (const std::string& cell : row) line.push_back(cell.empty() ? "-" : printable(cell));
  }
  std::vector<std::size_t> widths(headings.size());
  for (const auto& row : cells) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width(row[i]));
  }
  std::string out;
  for (const auto& row : cells) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += i + 1 == row.size() ? row[i] : padded(row[i], widths[i] + 2);
    }
    out += line + "\n";
  }
  return out;
}

std::string join(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) out += (out.empty() ? "" : ", ") + text;
  return out;
}

Exit printSecretLine(const base::SecretText& text) {
  base::SecretText line = text;
  line.push_back('\n');
  const auto shown = showSecret(base::view(line));
  return shown ? Exit::Yes : fail(shown.error());
}

void JsonList::add(std::string_view name, const Document& problem) {
  Body item;
  item.text("name", name).text("code", problem.text("code")).text("detail", problem.text("detail"));
  add(item.json());
}

void JsonList::add(const Document& item) { add(item.json()); }

void JsonList::add(const base::SecretText& json) {
  items_.append(items_.empty() ? "" : ",").append(base::view(json));
}

}  // namespace kmsd::ctl
