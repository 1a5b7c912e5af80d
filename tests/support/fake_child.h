// A shell script in kmsd-media's place. `greet` in its body sends a correct Ready, `slots` an empty
// list and `pong` the answer to a Ping, all on descriptor 3.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>

#include "hal/reader_protocol.h"

namespace tests {

inline std::string fakeChild(const std::filesystem::path& path, const std::string& body) {
  static_assert(hal::reader::kVersion < 8, "one digit");
  std::ofstream(path) << "#!/bin/sh\n"
                         "greet() { printf '\\011\\000\\000\\000\\020\\000\\000\\000\\000\\00"
                      << hal::reader::kVersion
                      << "\\000\\000\\000' >&3; }\n"
                         "slots() { printf '\\007\\000\\000\\000\\022\\000\\000\\000\\000\\000\\000' >&3; }\n"
                         "pong() { printf '\\005\\000\\000\\000\\027\\000\\000\\000\\000' >&3; }\n"
                      << body << "\n";
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  return path.string();
}

}  // namespace tests
