// `--help`, from the tables.
#include <algorithm>

#include "daemon/cli_line.h"

namespace kmsd {
namespace {

constexpr std::size_t kWidth = 100;  // columns

// "  left    right", the right part wrapped at kWidth under itself.
void addRow(std::string& out, std::string_view left, std::size_t column, std::string_view right) {
  std::string line = "  " + std::string(left);
  if (line.size() + 2 > column) {
    out += line + "\n";
    line.clear();
  }
  line.resize(column, ' ');
  while (line.size() + right.size() > kWidth && kWidth > column) {
    const std::size_t cut = right.rfind(' ', kWidth - column);
    if (cut == std::string_view::npos || cut == 0) break;
    out += line + std::string(right.substr(0, cut)) + "\n";
    right.remove_prefix(cut + 1);
    line.assign(column, ' ');
  }
  out += line + std::string(right) + "\n";
}

std::string nameOf(const OptionSpec& option) {
  std::string text = "--" + std::string(option.name);
  if (!option.value.empty()) text += " " + std::string(option.value);
  return text;
}

std::string synopsisOf(const ArgumentSpec& argument) {
  const std::string text = std::string(argument.name) + (argument.repeated ? "..." : "");
  return argument.required ? text : "[" + text + "]";
}

void addOptions(std::string& out, std::span<const OptionSpec> options) {
  for (const OptionSpec& option : options) {
    std::string help(option.help);
    if (!option.choices.empty()) help += "; one of: " + choiceWords(option);
    if (!option.fallback.empty()) help += " (default: " + std::string(option.fallback) + ")";
    if (option.repeated) help += " (may be given several times)";
    if (option.required) help += " (needed)";
    addRow(out, nameOf(option), 32, help);
  }
}

std::vector<OptionSpec> everywhere(const ProgramSpec& program) { return optionsOf(program, nullptr); }

}  // namespace

std::string programHelp(const ProgramSpec& program) {
  const std::string name(program.name);
  std::string out = name + ": " + std::string(program.summary) + "\n\n";
  out += "Usage: " + name + " [OPTION]... VERB [ARGUMENT]... [OPTION]...\n\nVerbs:\n";
  std::size_t widest = 0;
  for (const VerbSpec& verb : program.verbs) widest = std::max(widest, verb.name.size());
  for (const VerbSpec& verb : program.verbs) addRow(out, verb.name, widest + 4, verb.summary);
  out += "\nOptions of every verb:\n";
  addOptions(out, everywhere(program));
  if (!program.configFile.empty())
    out += "\nOptions may also stand in " + std::string(program.configFile) +
           ", one name=value a line; the command line wins.\n";
  out += "\nExit codes:\n";
  for (const ExitRow& row : exitTable())
    addRow(out, std::to_string(static_cast<int>(row.exit)), 7, row.meaning);
  out += "\n'" + name + " VERB --help' tells more about a verb.\n";
  return out;
}

std::string verbHelp(const ProgramSpec& program, const VerbSpec& verb) {
  std::string usage = "Usage: " + std::string(program.name) + " " + std::string(verb.name);
  for (const OptionSpec& option : verb.options)
    if (option.required) usage += " " + nameOf(option) + (option.repeated ? "..." : "");
  for (const ArgumentSpec& argument : verb.arguments) usage += " " + synopsisOf(argument);
  std::string out = std::string(program.name) + " " + std::string(verb.name) + ": " +
                    std::string(verb.summary) + "\n\n" + usage + " [OPTION]...\n";
  if (!verb.arguments.empty()) out += "\nArguments:\n";
  for (const ArgumentSpec& argument : verb.arguments) addRow(out, argument.name, 32, argument.help);
  out += "\nOptions:\n";
  addOptions(out, verb.options);
  addOptions(out, everywhere(program));
  if (!verb.examples.empty()) {
    out += "\nExamples:\n";
    std::string_view rest = verb.examples;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find('\n'), rest.size());
      out += "  " + std::string(rest.substr(0, end)) + "\n";
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  return out;
}

}  // namespace kmsd
