// Runs a program at a terminal of its own, and is the person who answers its question.
#pragma once

#include <string>
#include <vector>

#include "tests/support/run.h"

namespace tests {

// Types `answer` and Enter once the program has asked for it: with a question that ends in `question`. What
// the terminal shows is in `out`. Aborts the test program after 60 s without an end.
Ran runAtTerminal(const std::vector<std::string>& command, const std::string& question,
                  const std::string& answer);

}  // namespace tests
