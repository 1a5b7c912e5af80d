// A file that holds a smartcard's PIN: one line of 1 to 64 bytes, readable by its owner alone.
#pragma once

#include <filesystem>
#include <string>

#include "daemon/cli.h"
#include "hal/base/secret_buffer.h"

namespace kmsd {

inline constexpr std::size_t kMaxPin = 64;  // bytes

// Of the commands that make and read media.
inline constexpr OptionSpec kPinFileOption{
    "pin-file", "FILE",
    "read a card's PIN from FILE (mode 0600), or from standard input where it is '-'; without it: asked for"};

struct PinFile {
  base::SecretBuffer pin;
  std::string source;  // path and time: a changed file may be tried anew
};

// Errors: Io / NotFound / Denied (as the system says, or open to others: chmod 600); Invalid (no file, not
// one line). systemd's credentials have rights of their own, and a time that tells nothing.
base::Result<PinFile> readPinFile(const std::filesystem::path& path);

}  // namespace kmsd
