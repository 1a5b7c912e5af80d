// The manual pages, from the tables of options, verbs, reasons, events and exit codes, and from the prose in
// prose.cpp. Pure functions.
#pragma once

#include <string>

#include "daemon/cli.h"

namespace kmsd::help {

// kmsd(8) and kmsctl(1).
std::string programPage(const ProgramSpec& program);
// The page of the program's configuration file: every option that may stand in it. REQUIRES: it has one.
std::string configPage(const ProgramSpec& program);

// "print it" -> "Print it."
std::string sentence(std::string_view clause);

}  // namespace kmsd::help
