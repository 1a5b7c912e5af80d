// What stands behind "card:" in a medium URI. Pure.
//
//   target := [reader] ["?" option *("&" option)]
//   option := "app=" ("openpgp" | "piv" | "iso")     only this application of the card
//           | "file=" path | "info=" path             path: file ids, "3F00/4B4D/4B01" (3F00 may be left out)
//           | "pin=" 2 hexadecimal digits             the reference of the file's PIN (P2 of VERIFY)
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/smartcard/profile.h"
#include "hal/base/result.h"

namespace drivers::smartcard {

using FilePath = std::vector<std::uint16_t>;  // file ids below the master file

struct CardTarget {
  std::string reader;   // readers whose name begins with this; empty: all
  std::string options;  // as given, with its "?"; empty: none
  std::optional<Application> only;
  FilePath file;  // holds the key; empty: none
  FilePath info;  // holds whose key it is, readable by all; empty: none
  std::optional<std::uint8_t> pin;
};

// Errors: Invalid, naming what is wrong.
base::Result<CardTarget> parseTarget(std::string_view target);

}  // namespace drivers::smartcard
