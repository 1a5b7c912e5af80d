#include "daemon/http/oauth_form.h"

#include <algorithm>
#include <new>
#include <optional>
#include <vector>

#include "hal/base/utf8.h"

namespace kmsd::http {
namespace {

using base::Code;
using base::Error;

constexpr std::size_t kBasicMost = 4096;  // characters of base64
constexpr std::size_t kHintMost = 64;     // bytes; a longer one names no type that there is

Error invalid(std::string what) { return {Code::Invalid, std::move(what)}; }
Error noMemory() { return {Code::Unavailable, "no more memory can be locked now; try again"}; }

std::optional<unsigned> hexValue(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a') + 10;
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A') + 10;
  return std::nullopt;
}

std::optional<base::SecretText> decode(std::string_view in) {
  base::SecretText out;
  out.reserve(in.size());
  for (std::size_t i = 0; i < in.size(); ++i) {
    char c = in[i] == '+' ? ' ' : in[i];
    if (c == '%') {
      if (i + 2 >= in.size()) return std::nullopt;
      const auto high = hexValue(in[i + 1]);
      const auto low = hexValue(in[i + 2]);
      if (!high || !low) return std::nullopt;
      c = static_cast<char>(*high * 16 + *low);
      i += 2;
    }
    if (c == '\0') return std::nullopt;
    out.push_back(c);
  }
  if (!base::validUtf8(base::view(out))) return std::nullopt;
  return out;
}

struct Field {
  base::SecretText name;
  base::SecretText value;
};

base::Result<std::vector<Field>> parseForm(std::string_view body) {
  std::vector<Field> fields;
  while (!body.empty()) {
    const std::string_view pair = body.substr(0, body.find('&'));
    body.remove_prefix(std::min(body.size(), pair.size() + 1));
    if (pair.empty()) continue;
    if (fields.size() == kFormFieldsMost) return invalid("the form has too many fields");
    const std::size_t equals = std::min(pair.find('='), pair.size());
    auto name = decode(pair.substr(0, equals));
    auto value = decode(pair.substr(std::min(equals + 1, pair.size())));
    if (!name || !value) return invalid("the form is not well-formed");
    for (const Field& other : fields)
      if (other.name == *name) return invalid("the form has a field twice");
    fields.push_back({*std::move(name), *std::move(value)});
  }
  return fields;
}

// The value of a base64 character.
std::optional<unsigned> base64Value(char c) {
  if (c >= 'A' && c <= 'Z') return static_cast<unsigned>(c - 'A');
  if (c >= 'a' && c <= 'z') return static_cast<unsigned>(c - 'a') + 26;
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0') + 52;
  if (c == '+') return 62;
  if (c == '/') return 63;
  return std::nullopt;
}

// With its padding, and the spare bits zero.
std::optional<base::SecretText> decodeBase64(std::string_view in) {
  if (in.empty() || in.size() % 4 != 0 || in.size() > kBasicMost) return std::nullopt;
  const std::size_t padding = in.ends_with("==") ? 2 : in.ends_with("=") ? 1 : 0;
  in.remove_suffix(padding);
  base::SecretText out;
  out.reserve(in.size() * 3 / 4);
  unsigned bits = 0;
  unsigned held = 0;  // how many bits of `bits` are not written yet
  for (const char c : in) {
    const auto value = base64Value(c);
    if (!value) return std::nullopt;
    bits = (bits << 6U) | *value;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    out.push_back(static_cast<char>((bits >> held) & 0xFFU));
    bits &= (1U << held) - 1;
  }
  if (bits != 0) return std::nullopt;
  return out;
}

}  // namespace

base::Result<TokenForm> parseTokenForm(std::string_view body) try {
  auto fields = parseForm(body);
  if (!fields) return std::move(fields).error();
  TokenForm form;
  for (Field& field : *fields) {
    const std::string_view name = base::view(field.name);
    if (name == "token") form.token = std::move(field.value);
    if (name == "token_type_hint") form.tokenTypeHint = base::view(field.value).substr(0, kHintMost);
  }
  if (form.token.empty()) return invalid("the parameter token is missing");
  return form;
} catch (const std::bad_alloc&) {
  return noMemory();
}

base::Result<BasicCredentials> parseBasic(std::string_view encoded) try {
  const auto wrong = [](const char* what) {
    return Error{Code::Denied, what, base::Reason::Unauthenticated};
  };
  const auto decoded = decodeBase64(encoded);
  if (!decoded || !base::validUtf8(base::view(*decoded)))
    return wrong("what stands behind Basic is no base64");
  const std::string_view text = base::view(*decoded);
  const std::size_t colon = text.rfind(':');
  if (colon == text.npos || colon == 0 || colon + 1 == text.size())
    return wrong("Basic needs a user's name, a colon and an access token of that user");
  return BasicCredentials{std::string(text.substr(0, colon)), base::secretText(text.substr(colon + 1))};
} catch (const std::bad_alloc&) {
  return noMemory();
}

}  // namespace kmsd::http
