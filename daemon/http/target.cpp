#include "daemon/http/target.h"

#include <algorithm>

#include "hal/base/utf8.h"

namespace kmsd::http {
namespace {

constexpr std::string_view kHex = "0123456789ABCDEF";

std::optional<unsigned> hexValue(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a') + 10;
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A') + 10;
  return std::nullopt;
}

std::optional<std::string> decode(std::string_view in, bool plusIsBlank) {
  std::string out;
  out.reserve(in.size());
  for (std::size_t i = 0; i < in.size(); ++i) {
    if (in[i] == '+' && plusIsBlank) {
      out.push_back(' ');
    } else if (in[i] != '%') {
      out.push_back(in[i]);
    } else {
      if (i + 2 >= in.size()) return std::nullopt;
      const auto high = hexValue(in[i + 1]);
      const auto low = hexValue(in[i + 2]);
      if (!high || !low || (*high == 0 && *low == 0)) return std::nullopt;
      out.push_back(static_cast<char>(*high * 16 + *low));
      i += 2;
    }
  }
  if (!base::validUtf8(out)) return std::nullopt;
  return out;
}

bool decodeQuery(std::string_view text, std::map<std::string, std::string>& out) {
  while (!text.empty()) {
    const std::string_view pair = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(text.size(), pair.size() + 1));
    if (pair.empty()) continue;
    const std::size_t equals = pair.find('=');
    auto name = decode(pair.substr(0, equals), true);
    auto value = decode(equals == pair.npos ? std::string_view() : pair.substr(equals + 1), true);
    if (!name || !value) return false;
    out.emplace(*std::move(name), *std::move(value));
  }
  return true;
}

// Neither URIs nor HTTP have them as they stand.
bool controlOrBlank(char c) { return static_cast<unsigned char>(c) <= ' ' || c == '\x7F'; }

bool unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

}  // namespace

std::optional<Target> parseTarget(std::string_view text) {
  if (std::any_of(text.begin(), text.end(), controlOrBlank)) return std::nullopt;
  if (text.starts_with("http://")) {
    text.remove_prefix(7);
    const std::size_t slash = text.find('/');
    if (slash == text.npos) return std::nullopt;
    text.remove_prefix(slash);
  }
  if (!text.starts_with('/')) return std::nullopt;
  const std::size_t mark = text.find('?');
  auto path = decode(text.substr(0, mark), false);
  if (!path) return std::nullopt;
  Target target{*std::move(path), {}};
  if (mark != text.npos && !decodeQuery(text.substr(mark + 1), target.query)) return std::nullopt;
  return target;
}

std::string escapeTarget(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (unreserved(c)) {
      out.push_back(c);
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out.push_back('%');
      out.push_back(kHex[byte >> 4U]);
      out.push_back(kHex[byte & 0xFU]);
    }
  }
  return out;
}

}  // namespace kmsd::http
