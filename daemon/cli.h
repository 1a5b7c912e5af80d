// Command lines as tables: the options of kmsd and kmsctl stand in VerbSpecs, from which parsing, `--help`
// and the manual pages are made. Parsing is Boost.Program_options'.
//
// Namespace kmsd, not daemon: unistd.h declares a function of that name.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/reasons.h"
#include "hal/base/result.h"

namespace kmsd {

struct OptionSpec {
  std::string_view name;        // without dashes
  std::string_view value;       // what `--help` calls the argument; empty: a switch
  std::string_view help;        // one sentence, with its unit
  std::string_view fallback{};  // shown, and used where the option is absent
  bool repeated = false;
  bool required = false;
  bool typedOnly = false;  // never taken from the configuration file: its effect must be meant each time
  // What the value may be, apart by blanks; empty: anything. "grace:" stands for all that begins so.
  std::string_view choices{};
};

struct ArgumentSpec {
  std::string_view name;  // shown in capitals
  std::string_view help;
  bool required = true;
  bool repeated = false;  // the last one only
};

class Parsed;

struct VerbSpec {
  std::string_view name;  // one word or two: "setup", "medium create"
  std::string_view summary;
  std::span<const ArgumentSpec> arguments;
  std::span<const OptionSpec> options;
  std::string_view examples;  // lines, each a command with its comment
  Exit (*run)(const Parsed& parsed);
};

struct ProgramSpec {
  std::string_view name;
  std::string_view summary;
  std::span<const OptionSpec> globals;  // allowed with every verb, before it or behind it
  std::span<const VerbSpec> verbs;
  std::string_view configFile{};  // INI with the same names, read where it exists; empty: none
};

// A command line that fits its VerbSpec.
class Parsed {
 public:
  bool has(std::string_view name) const;                 // given, here or in the configuration file
  const std::string& text(std::string_view name) const;  // the value or the fallback; empty where neither
  std::vector<std::string> texts(std::string_view name) const;
  const std::vector<std::string>& arguments() const noexcept { return arguments_; }
  const VerbSpec& verb() const noexcept { return *verb_; }
  // The same command line, with the configuration file read anew. Errors: as CommandLine::parse.
  base::Result<Parsed> again() const;

 private:
  friend class CommandLine;
  const VerbSpec* verb_ = nullptr;
  std::map<std::string, std::string, std::less<>> fallbacks_;
  std::map<std::string, std::vector<std::string>, std::less<>> values_;
  std::vector<std::string> arguments_;
  const ProgramSpec* program_ = nullptr;
  std::vector<std::string> words_;
};

// Parses, answers `--help` and `--version`, runs the verb. A usage error is one line on stderr that says what
// was wrong and names `--help`; it gives Exit::Usage.
int runProgram(const ProgramSpec& program, int argc, char** argv);

// "PROGRAM: what" on stderr, one line, control characters escaped; returns the code.
Exit fail(const base::Error& error);
Exit fail(Exit code, std::string_view what);

// For people's eyes: control characters, and bytes that are no UTF-8, as \n, \t or \xHH. What media and files
// say is a stranger's text.
std::string printable(std::string_view text);

std::string_view version() noexcept;  // of the product

// "90s", "15m", "24h", "7d" or plain seconds. Errors: Invalid (negative, zero where `zero` is false, not a
// number, above 100 years).
base::Result<std::chrono::seconds> parseSpan(std::string_view text, bool zero = false);

}  // namespace kmsd
