#include "daemon/http/answer_text.h"

#include <algorithm>
#include <charconv>

#include "daemon/http/problem.h"

namespace kmsd::http {
namespace {

void append(base::SecretText& out, std::string_view text) { out.insert(out.end(), text.begin(), text.end()); }

void append(base::SecretText& out, std::size_t number) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  out.insert(out.end(), digits, end);
}

std::string_view phraseOf(int status) noexcept {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 304:
      return "Not Modified";
    default:
      return statusTitle(status);
  }
}

bool breaksLine(std::string_view text) noexcept {
  return std::any_of(text.begin(), text.end(), [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

void appendField(base::SecretText& out, std::string_view name, std::string_view value) {
  if (breaksLine(name) || breaksLine(value)) return;
  append(out, name);
  append(out, ": ");
  append(out, value);
  append(out, "\r\n");
}

}  // namespace

void appendHeader(base::SecretText& out, const Response& response, AnswerForm form) {
  append(out, form.old ? "HTTP/1.0 " : "HTTP/1.1 ");
  append(out, static_cast<std::size_t>(std::clamp(response.status, 200, 599)));
  append(out, " ");
  append(out, phraseOf(response.status));
  append(out, "\r\n");
  if (!response.contentType.empty()) appendField(out, "Content-Type", response.contentType);
  for (const auto& [name, value] : response.headers) appendField(out, name, value);
  const bool kept = std::any_of(response.headers.begin(), response.headers.end(),
                                [](const auto& header) { return header.first == "Cache-Control"; });
  if (!kept) append(out, "Cache-Control: no-store\r\n");
  if (!form.keepAlive) {
    append(out, "Connection: close\r\n");
  } else if (form.old) {
    append(out, "Connection: keep-alive\r\n");
  }
  if (response.status != 204 && response.status != 304) {
    append(out, "Content-Length: ");
    append(out, response.source ? response.source->size() : bodyOf(response).size());
    append(out, "\r\n");
  }
  append(out, "\r\n");
}

}  // namespace kmsd::http
