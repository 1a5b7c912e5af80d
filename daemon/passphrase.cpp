#include "daemon/passphrase.h"

#include "daemon/terminal.h"
#include "hal/base/file.h"

namespace kmsd {
namespace {

using base::Code;
using base::Error;
using base::Result;
using base::SecretBuffer;

Error invalid(const char* what) { return {Code::Invalid, what}; }

}  // namespace

Result<SecretBuffer> askPassphrase(const std::string& question) {
  auto typed = askLine(question, kMaxPassphrase, false);
  if (!typed) return typed;
  return normalPassphrase(typed->bytes());
}

Result<SecretBuffer> askNewPassphrase() {
  auto first = askPassphrase("New passphrase of the key (nothing is shown):");
  if (!first) return first;
  auto second = askPassphrase("The same again:");
  if (!second) return second;
  if (!base::equalConstantTime(first->bytes(), second->bytes()))
    return invalid("the two passphrases are not the same; nothing was done");
  return first;
}

Result<std::optional<SecretBuffer>> newPassphrase(const Parsed& parsed) {
  const bool file = parsed.has(kPassphraseFileOption.name);
  const bool asked = parsed.has(kPassphraseOption.name);
  if (file && asked) return invalid("give --passphrase or --passphrase-file, not both");
  if (!file && !asked) return std::optional<SecretBuffer>();
  auto words = file ? base::readSecretFile(parsed.text(kPassphraseFileOption.name), kMaxPassphrase)
                    : askNewPassphrase();
  if (words && file) words = normalPassphrase(words->bytes());
  if (!words) return std::move(words).error();
  return std::optional(*std::move(words));
}

}  // namespace kmsd
