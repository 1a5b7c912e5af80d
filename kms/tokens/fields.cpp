#include "kms/tokens/fields.h"

#include <algorithm>

#include "hal/base/utf8.h"

namespace kms {
namespace {

constexpr std::string_view kOwn = "kms:";
constexpr std::size_t kCommonNameMost = 64;  // characters
constexpr std::size_t kMailMost = 254;
constexpr std::size_t kMailLocalMost = 64;
constexpr std::size_t kDnsNameMost = 253;
constexpr std::size_t kDnsLabelMost = 63;

base::Error invalid(std::string what) { return base::Error{base::Code::Invalid, std::move(what)}; }

bool isDigit(char c) { return c >= '0' && c <= '9'; }
bool isLower(char c) { return c >= 'a' && c <= 'z'; }
bool isLetterOrDigit(char c) { return isDigit(c) || isLower(c) || (c >= 'A' && c <= 'Z'); }

// Space, no-break space (U+00A0) and ideographic space (U+3000).
bool blankAtEnd(std::string_view text) {
  constexpr std::string_view kBlanks[] = {" ", "\xC2\xA0", "\xE3\x80\x80"};
  return std::any_of(std::begin(kBlanks), std::end(kBlanks), [&](std::string_view blank) {
    return text.starts_with(blank) || text.ends_with(blank);
  });
}

std::size_t characters(std::string_view utf8) {
  return static_cast<std::size_t>(std::count_if(
      utf8.begin(), utf8.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

base::Result<void> checkText(std::string_view text, const std::string& what) {
  if (!base::validUtf8(text)) return invalid(what + " must be valid UTF-8");
  if (base::hasControl(text)) return invalid(what + " must not hold control characters");
  if (blankAtEnd(text)) return invalid(what + " must not begin or end with a blank");
  return {};
}

bool goodLabel(std::string_view label) {
  return !label.empty() && label.size() <= kDnsLabelMost && label.front() != '-' && label.back() != '-' &&
         std::all_of(label.begin(), label.end(), [](char c) { return isLetterOrDigit(c) || c == '-'; });
}

}  // namespace

base::Result<void> checkUserName(std::string_view name, const Policy& policy) {
  if (name.empty() || name.size() > policy.nameMost)
    return invalid("a user's name must have 1 to " + std::to_string(policy.nameMost) +
                   " bytes; this one has " + std::to_string(name.size()));
  return checkText(name, "a user's name");
}

base::Result<void> checkDnsName(std::string_view name) {
  const auto bad = [](const char* why) { return invalid(std::string("a DNS name ") + why); };
  if (name.empty() || name.size() > kDnsNameMost) return bad("must have 1 to 253 characters");
  if (name.find('*') != std::string_view::npos) return bad("must not be a wildcard; name each host");
  std::string_view rest = name;
  while (true) {
    const std::size_t dot = rest.find('.');
    const std::string_view label = rest.substr(0, dot);
    if (!goodLabel(label))
      return bad("must be labels of 1 to 63 letters, digits and inner hyphens, joined by dots");
    if (dot == std::string_view::npos) {
      if (std::all_of(label.begin(), label.end(), isDigit)) return bad("must not be an address");
      return {};
    }
    rest.remove_prefix(dot + 1);
  }
}

base::Result<void> checkDnsNames(const std::vector<std::string>& names, const Policy& policy) {
  if (names.size() > policy.dnsMost)
    return invalid("a user can have at most " + std::to_string(policy.dnsMost) + " DNS names");
  for (const auto& name : names)
    if (auto good = checkDnsName(name); !good) return std::move(good).error();
  return {};
}

base::Result<void> checkMail(std::string_view mail) {
  if (mail.empty()) return {};
  const std::size_t at = mail.find('@');
  const bool printable = std::all_of(mail.begin(), mail.end(),
                                     [](char c) { return c > ' ' && c <= '~' && c != ',' && c != '"'; });
  if (!printable || at == std::string_view::npos || at == 0 || at > kMailLocalMost ||
      mail.size() > kMailMost || !checkDnsName(mail.substr(at + 1)))
    return invalid("a mail address must look like name@example.org and have at most 254 ASCII characters");
  return {};
}

base::Result<void> checkCommonName(std::string_view name) {
  if (auto good = checkText(name, "a common name"); !good) return std::move(good).error();
  if (characters(name) > kCommonNameMost) return invalid("a common name must have at most 64 characters");
  return {};
}

base::Result<void> checkScopes(const std::vector<std::string>& scopes, const Policy& policy) {
  if (scopes.size() > policy.scopesMost)
    return invalid("a token can have at most " + std::to_string(policy.scopesMost) + " scopes");
  for (auto scope = scopes.begin(); scope != scopes.end(); ++scope) {
    const bool letters = std::all_of(scope->begin(), scope->end(), [](char c) {
      return isLower(c) || isDigit(c) || std::string_view("._:/-").find(c) != std::string_view::npos;
    });
    if (!letters || scope->empty() || scope->size() > policy.scopeMost)
      return invalid("a scope must have 1 to " + std::to_string(policy.scopeMost) +
                     " characters of a-z, 0-9 and . _ : / -");
    if (scope->starts_with(kOwn) && !parseRole(std::string_view(*scope).substr(kOwn.size())))
      return invalid("the scopes kms:... are kms:admin, kms:issuer, kms:verifier and kms:user; there is no " +
                     *scope);
    if (std::find(scopes.begin(), scope, *scope) != scope)
      return invalid("the scope " + *scope + " is named twice");
  }
  return {};
}

Role scopeRole(const std::vector<std::string>& scopes) noexcept {
  Role most = Role::User;
  for (const std::string_view scope : scopes)
    if (scope.starts_with(kOwn))
      most = std::max(most, parseRole(scope.substr(kOwn.size())).value_or(Role::User));
  return most;
}

bool hasOwnScope(const std::vector<std::string>& scopes) noexcept {
  return std::any_of(scopes.begin(), scopes.end(),
                     [](std::string_view scope) { return scope.starts_with(kOwn); });
}

base::Result<void> checkTtl(std::chrono::seconds ttl, std::chrono::seconds most) {
  if (ttl < std::chrono::seconds(1) || ttl > most)
    return invalid("the ttl must be from 1 to " + std::to_string(most.count()) + " seconds (" +
                   std::to_string(std::chrono::duration_cast<std::chrono::hours>(most).count() / 24) +
                   " days) for a token of this kind");
  return {};
}

}  // namespace kms
