// All verbs of kmsd, as one table.
#pragma once

#include "daemon/cli.h"

namespace kmsd {

// Lives as long as the program runs.
const ProgramSpec& kmsdProgram();

}  // namespace kmsd
