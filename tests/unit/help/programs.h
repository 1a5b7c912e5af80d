// The tables of both programs, for all tests of their help.
#pragma once

#include <vector>

#include "daemon/ctl/verbs.h"
#include "daemon/kmsd_program.h"

namespace tests {

// Without their configuration files: what this host has of those is nobody's business here.
inline std::vector<kmsd::ProgramSpec> programs() {
  std::vector<kmsd::ProgramSpec> all = {kmsd::kmsdProgram(), kmsd::ctl::program()};
  for (kmsd::ProgramSpec& program : all)
    if (!program.configFile.empty()) program.configFile = "/nonexistent/kms.conf";
  return all;
}

}  // namespace tests
