#include "daemon/help/completion.h"

#include <algorithm>

#include "daemon/cli_line.h"

namespace kmsd::help {
namespace {

// In single quotes for a shell.
std::string quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

// How a value of this name is completed: by files, directories, medium URIs, fixed words, or not at all.
std::string valueWords(std::string_view name, std::string_view choices,
                       std::span<const std::string_view> schemes) {
  if (!choices.empty()) return std::string(choices);
  constexpr std::string_view kUriNames[] = {"URI", "FROM", "TO"};
  if (std::ranges::find(kUriNames, name) != std::end(kUriNames)) {
    std::string words = "@file";
    for (const std::string_view scheme : schemes) words += " " + std::string(scheme) + ":";
    return words + " prompt:";
  }
  if (name == "FILE" || name == "F" || name == "PATH") return "@file";
  if (name == "DIR" || name == "DIRECTORY") return "@directory";
  if (name == "TOKEN") return "-";
  return {};
}

void addCase(std::string& out, std::string_view pattern, const std::string& words) {
  if (!words.empty()) out += "    " + quoted(pattern) + ") printf '%s\\n' " + quoted(words) + " ;;\n";
}

std::string function(const std::string& name, const std::string& cases) {
  return name + "() {\n  case $1 in\n" + cases + "    *) ;;\n  esac\n}\n";
}

}  // namespace

std::string bashCompletion(const ProgramSpec& program, std::string_view engine,
                           std::span<const std::string_view> schemes) {
  const std::string prefix = "_" + std::string(program.name);
  std::string verbs;
  std::string options;    // "VERB" -> its options, "" -> those before a verb
  std::string values;     // "VERB --option" -> words of its value; "VERB" -> of its arguments
  std::string arguments;  // options that take a value, with the verb before them
  const auto add = [&](const std::string& verb, const std::vector<OptionSpec>& all) {
    std::string names;
    for (const OptionSpec& option : all) {
      const std::string name = "--" + std::string(option.name);
      names += (names.empty() ? "" : " ") + name;
      if (option.value.empty()) continue;
      arguments += "    " + quoted(verb + " " + name) + ") return 0 ;;\n";
      addCase(values, verb + " " + name, valueWords(option.value, option.choices, schemes));
    }
    addCase(options, verb, names);
  };
  for (const VerbSpec& verb : program.verbs) {
    verbs += quoted(verb.name) + " ";
    add(std::string(verb.name), optionsOf(program, &verb));
    if (!verb.arguments.empty())
      addCase(values, verb.name, valueWords(verb.arguments.front().name, {}, schemes));
  }
  add("", optionsOf(program, nullptr));

  const std::string tables = prefix + "_verbs() { printf '%s\\n' " + verbs + "; }\n" +
                             function(prefix + "_options", options) + function(prefix + "_values", values) +
                             prefix + "_takes_value() {\n  case $1 in\n" + arguments +
                             "    *) return 1 ;;\n  esac\n}\n";
  std::string out(engine);
  const auto replace = [&out](std::string_view mark, std::string_view with) {
    for (std::size_t at = 0; (at = out.find(mark, at)) != std::string::npos; at += with.size())
      out.replace(at, mark.size(), with);
  };
  replace("@TABLES@", tables);
  replace("@PROGRAM@", program.name);
  return out;
}

}  // namespace kmsd::help
