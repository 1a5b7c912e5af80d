// Runs a program at a terminal of its own, and is the person who answers its question.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tests/support/run.h"

namespace tests {

// Types `answer` and Enter once the program has asked for it: with a question that ends in `question`, or has
// it where nothing more is shown. What the terminal shows is in `out`. Aborts the test program after 60 s
// without an end.
Ran runAtTerminal(const std::vector<std::string>& command, const std::string& question,
                  const std::string& answer);

// Several questions, in this order; `answer` may do something first, such as to swap a disk.
struct TerminalStep {
  std::string question;
  std::function<std::string()> answer;
};
Ran runAtTerminal(const std::vector<std::string>& command, const std::vector<TerminalStep>& steps);

}  // namespace tests
