// CommandLine: words and a configuration file against the tables of cli.h. Pure but for reading that file.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/cli.h"

namespace kmsd {

class CommandLine {
 public:
  enum class Wants { Run, Help, Version };
  struct Outcome {
    Wants wants = Wants::Run;
    const VerbSpec* verb = nullptr;  // null: help on the whole program
    Parsed parsed;                   // only where a run is wanted
  };

  explicit CommandLine(const ProgramSpec& program) noexcept : program_(program) {}

  // `words`: without the program's name. Errors: Invalid, one sentence on what is wrong with the line or the
  // configuration file; as readSmallFile where that file is there and cannot be read.
  base::Result<Outcome> parse(const std::vector<std::string>& words) const;
  // The verb that the words name, whatever else is wrong with them; null where they name none.
  const VerbSpec* verbOf(const std::vector<std::string>& words) const;

 private:
  struct Split;
  base::Result<Split> split(const std::vector<std::string>& words) const;
  base::Result<Parsed> complete(const VerbSpec& verb, const Split& split) const;
  base::Result<void> readConfig(Parsed& parsed) const;
  base::Result<void> checkComplete(const Parsed& parsed) const;
  base::Result<std::vector<std::string>> boostParse(Parsed& parsed,
                                                    const std::vector<std::string>& words) const;

  const ProgramSpec& program_;
};

// One line of a configuration file: name=value.
struct ConfigLine {
  std::size_t line = 0;
  std::string name;
  std::string value;
};

// INI: name=value, '#' and ';' comments, "[program]" as the only section there may be.
// Errors: Invalid, naming file and line.
base::Result<std::vector<ConfigLine>> parseConfig(std::string_view text, std::string_view file,
                                                  std::string_view program);

// Options that a verb takes: its own, the program's, and those every program has.
std::vector<OptionSpec> optionsOf(const ProgramSpec& program, const VerbSpec* verb);
const OptionSpec* findOption(std::span<const OptionSpec> options, std::string_view name) noexcept;

// Whether the option's choices allow this value.
bool allows(const OptionSpec& option, std::string_view value) noexcept;
std::vector<std::string_view> choicesOf(const OptionSpec& option);
std::string choiceWords(const OptionSpec& option);  // "keep, seal or grace:..."

// The closest of `names` to a mistyped word; empty where none is close.
std::string_view nearest(std::string_view word, std::span<const std::string_view> names);

std::string programHelp(const ProgramSpec& program);
std::string verbHelp(const ProgramSpec& program, const VerbSpec& verb);

}  // namespace kmsd
