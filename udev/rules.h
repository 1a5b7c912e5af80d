// The udev rules file, made from the drivers' tables. Pure text.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "hal/base/result.h"
#include "hal/udev_match.h"

namespace udev {

// What one driver asks for.
struct Section {
  std::string_view driver;   // its scheme
  std::string_view summary;  // what it reads, in a line
  std::span<const hal::UdevMatch> matches;
};

// Every driver of the source tree that has a table, whether this build has it or not: the rules file is the
// same for all builds. In the order of their folders' names.
std::span<const Section> sections();

// The file, of lines that udev(7) reads. Errors: Invalid, where a table says something that no rule can:
// nothing to match, nothing to give, a quote or a control character, an empty value.
base::Result<std::string> rules(std::span<const Section> sections);

}  // namespace udev
