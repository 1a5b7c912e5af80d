// Questions to the person at the terminal. Questions go to stderr, so that stdout stays the command's answer;
// what is typed never passes stdio's buffers.
#pragma once

#include <string>

#include "hal/base/secret_buffer.h"

namespace kmsd {

// Both standard input and standard error are a terminal: somebody can be asked.
bool canAsk() noexcept;
bool outputIsTerminal() noexcept;

// One line, at most `most` bytes; without `echo` nothing is shown while typing.
// Errors: Unavailable (nobody can be asked); Denied / Interrupted (Ctrl-C, Ctrl-D); Invalid (too long).
base::Result<base::SecretBuffer> askLine(const std::string& question, std::size_t most, bool echo);
// True for "yes" or "y". Errors: as askLine.
base::Result<bool> askYes(const std::string& question);
// Sets the terminal back as it was before a question that is under way. For the end of the program.
void restoreTerminal() noexcept;
// Straight to standard output. REQUIRES: outputIsTerminal(), unless the caller was told to print it
// elsewhere.
base::Result<void> showSecret(std::string_view text);

}  // namespace kmsd
