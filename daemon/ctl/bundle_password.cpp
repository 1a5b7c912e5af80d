#include "daemon/ctl/bundle_password.h"

#include "daemon/terminal.h"
#include "hal/base/file.h"
#include "hal/base/rng.h"
#include "kms/tokens/token_text.h"

namespace kmsd::ctl {
namespace {

using base::Code;
using base::Error;

constexpr std::size_t kMost = 256;        // bytes
constexpr std::size_t kRandomBytes = 15;  // 24 characters of base32

base::Result<base::SecretText> randomPassword() {
  auto random = base::SecretBuffer::create(kRandomBytes);
  if (!random) return std::move(random).error();
  base::systemRng().fill(random->bytes());
  constexpr std::string_view kDigits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  base::SecretText text;
  unsigned held = 0;
  unsigned bits = 0;
  for (const std::byte one : random->bytes()) {
    bits = bits << 8U | std::to_integer<unsigned>(one);
    for (held += 8; held >= 5; held -= 5) text.push_back(kDigits[bits >> (held - 5) & 31U]);
    bits &= (1U << held) - 1;
  }
  return text;
}

// Empty: none is wanted.
base::Result<base::SecretText> askedPassword() {
  if (!canAsk()) return base::SecretText{};
  const auto first =
      askLine("A password for the .p12 files (Enter: a random one, which is printed):", kMost, false);
  if (!first) return first.error();
  if (first->text().empty()) return base::SecretText{};
  const auto second = askLine("Once more:", kMost, false);
  if (!second) return second.error();
  if (!base::equalConstantTime(first->bytes(), second->bytes()))
    return Error{Code::Invalid, "the two passwords differ"};
  return base::secretText(first->text());
}

bool isToken(const base::SecretText& text, std::string_view token) {
  const auto plain = kms::parseOneTimeToken(base::view(text));
  return !token.empty() && plain &&
         base::equalConstantTime(base::asBytes(base::view(*plain)), base::asBytes(token));
}

}  // namespace

base::Result<BundlePassword> choosePassword(const Parsed& parsed, std::string_view token) {
  base::Result<base::SecretText> own = base::SecretText{};
  if (parsed.has("password-file")) {
    const auto read = base::readSecretFile(parsed.text("password-file"), kMost);
    if (!read) return read.error();
    if (read->text().empty()) return Error{Code::Invalid, "--password-file: there is no password in it"};
    own = base::secretText(read->text());
  } else {
    own = askedPassword();
  }
  if (!own) return std::move(own).error();
  if (isToken(*own, token))
    return Error{Code::Invalid, "the token must not be the password, too: others have seen it"};
  if (!own->empty()) return BundlePassword{*std::move(own), false};
  auto random = randomPassword();
  if (!random) return std::move(random).error();
  return BundlePassword{*std::move(random), true};
}

}  // namespace kmsd::ctl
