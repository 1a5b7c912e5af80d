#include "tests/bench/load_answer.h"

#include <strings.h>

#include <charconv>

namespace tests::bench {
namespace {

constexpr std::string_view kStatusLine = "HTTP/1.";  // 0 or 1
constexpr std::string_view kLength = "content-length:";
constexpr std::string_view kConnection = "connection:";

bool startsWith(std::string_view line, std::string_view lower) {
  return line.size() >= lower.size() && ::strncasecmp(line.data(), lower.data(), lower.size()) == 0;
}

std::optional<std::size_t> number(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  std::size_t value = 0;
  const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (wrong != std::errc{} || end == text.data()) return std::nullopt;
  return value;
}

}  // namespace

std::optional<Answer> readAnswer(std::string_view text) {
  const std::size_t head = text.find("\r\n\r\n");
  if (head == std::string_view::npos) return std::nullopt;
  Answer answer;
  answer.size = head + 4;
  if (!text.starts_with(kStatusLine)) return answer;
  const auto status = number(text.substr(kStatusLine.size() + 2, 3));
  answer.closes = text[kStatusLine.size()] == '0';
  std::optional<std::size_t> length;
  for (std::size_t at = text.find("\r\n"); at < head;) {
    const std::string_view line = text.substr(at + 2, text.find("\r\n", at + 2) - at - 2);
    if (startsWith(line, kLength)) length = number(line.substr(kLength.size()));
    if (startsWith(line, kConnection)) answer.closes = line.find("lose") != std::string_view::npos;
    at += 2 + line.size();
  }
  if (!status || !length) return answer;
  if (text.size() - answer.size < *length) return std::nullopt;
  answer.body = text.substr(answer.size, *length);
  answer.size += *length;
  answer.status = static_cast<unsigned>(*status);
  return answer;
}

}  // namespace tests::bench
