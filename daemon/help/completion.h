// The tables as functions of bash, which daemon/dist/completion.bash completes command lines with.
#pragma once

#include <string>

#include "daemon/cli.h"

namespace kmsd::help {

// `engine`: the script's text, in which @PROGRAM@ and @TABLES@ are replaced. `schemes`: of medium URIs.
std::string bashCompletion(const ProgramSpec& program, std::string_view engine,
                           std::span<const std::string_view> schemes);

}  // namespace kmsd::help
