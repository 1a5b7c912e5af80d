// Passphrases of key slots, in the one form that is mixed into a key: Unicode NFC, so that the same words
// open whatever keyboard they were typed at.
#pragma once

#include <optional>
#include <string>

#include "daemon/cli.h"
#include "hal/base/secret_buffer.h"

namespace kmsd {

inline constexpr std::size_t kMaxPassphrase = 1024;  // bytes, as typed and in NFC

// Errors: Invalid (empty, not UTF-8, control characters, too long; says which, never what); Unavailable.
base::Result<base::SecretBuffer> normalPassphrase(base::BytesView typed);

// Asks at the terminal, without echo; a new one twice. Errors: as askLine and normalPassphrase; Invalid (the
// second was another).
base::Result<base::SecretBuffer> askPassphrase(const std::string& question);
base::Result<base::SecretBuffer> askNewPassphrase();

// Of the commands that make keys.
inline constexpr OptionSpec kPassphraseOption{
    "passphrase", "", "ask for a passphrase, twice: the new media open only with it", "", false, false, true};
inline constexpr OptionSpec kPassphraseFileOption{
    "passphrase-file",
    "FILE",
    "read that passphrase from FILE, or from standard input where it is '-'",
    "",
    false,
    false,
    true};
// What these say; nothing where neither was given. Errors: Invalid (both); as above.
base::Result<std::optional<base::SecretBuffer>> newPassphrase(const Parsed& parsed);

}  // namespace kmsd
