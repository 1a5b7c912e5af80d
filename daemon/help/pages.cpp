#include "daemon/help/pages.h"

#include <algorithm>

#include "daemon/cli_line.h"
#include "daemon/help/prose.h"
#include "daemon/help/roff.h"
#include "kms/audit/audit.h"

namespace kmsd::help {
namespace {

std::string upper(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(),
                         [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  return out;
}

std::string ended(std::string text) { return text.ends_with('.') ? text : text + "."; }

// All that the tables know of an option.
std::string optionText(const OptionSpec& option) {
  std::string text = sentence(option.help);
  if (!option.choices.empty()) text += " One of: " + ended(choiceWords(option));
  if (!option.fallback.empty()) text += " Default: *" + plain(option.fallback) + "*.";
  if (option.repeated) text += " May be given several times.";
  if (option.required) text += " Needed.";
  return text;
}

void addOptions(Roff& page, std::span<const OptionSpec> options) {
  for (const OptionSpec& option : options)
    page.item("--" + std::string(option.name), option.value, optionText(option));
}

void addLines(Roff& page, std::string_view lines) {
  page.literal();
  while (!lines.empty()) {
    const std::size_t end = std::min(lines.find('\n'), lines.size());
    page.line(lines.substr(0, end));
    lines.remove_prefix(std::min(end + 1, lines.size()));
  }
  page.endLiteral();
}

// "kmsd medium copy", " FROM TO [OPTION]..."
std::string operands(const VerbSpec& verb) {
  std::string text;
  for (const OptionSpec& option : verb.options)
    if (option.required) text += " --" + std::string(option.name) + " " + std::string(option.value);
  for (const ArgumentSpec& argument : verb.arguments) {
    const std::string name = std::string(argument.name) + (argument.repeated ? "..." : "");
    text += argument.required ? " " + name : " [" + name + "]";
  }
  return text + " [OPTION]...";
}

void addVerb(Roff& page, const ProgramSpec& program, const VerbSpec& verb) {
  const std::string command = std::string(program.name) + " " + std::string(verb.name);
  page.subsection(command + operands(verb));
  page.text(sentence(verb.summary));
  for (const ArgumentSpec& argument : verb.arguments) page.item(argument.name, "", sentence(argument.help));
  addOptions(page, verb.options);
  if (verb.examples.empty()) return;
  page.text(verb.options.empty() && verb.arguments.empty() ? "For example:" : "Examples:");
  addLines(page, verb.examples);
}

void addSynopsis(Roff& page, const ProgramSpec& program) {
  page.section("SYNOPSIS");
  page.literal();
  for (const VerbSpec& verb : program.verbs)
    page.boldLine(std::string(program.name) + " " + std::string(verb.name), operands(verb));
  page.endLiteral();
}

void addReasons(Roff& page) {
  page.section("REASONS");
  page.text(
      "Why the server is sealed, or why a command was refused, is told by one of these words, which stay the "
      "same: in the status, and as the code of a problem document of the API. Behind each: the id of its "
      "event, "
      "where it has one, the exit code, and the status of HTTP.");
  for (const ReasonRow& row : reasonTable()) {
    if (row.reason == base::Reason::None) continue;
    const std::string event = row.event == 0 ? "Exit" : "Event " + std::to_string(row.event) + ", exit";
    page.item(row.name, "",
              sentence(row.meaning) + " " + event + " code " + std::to_string(static_cast<int>(row.exit)) +
                  ", HTTP " + std::to_string(row.http) + ".");
  }
}

void addEvents(Roff& page) {
  page.section("EVENTS");
  page.text(
      "What the audit log puts on record, and some lines of the daemon's log, carry these ids and names, "
      "which "
      "stay the same.");
  for (const kms::EventRow& row : kms::eventTable())
    page.item(std::to_string(static_cast<unsigned>(row.event)) + " " + std::string(row.name), "",
              sentence(row.meaning));
}

void addExits(Roff& page) {
  page.section("EXIT STATUS");
  for (const ExitRow& row : exitTable())
    page.item(std::to_string(static_cast<int>(row.exit)), "", sentence(row.meaning));
}

void addProse(Roff& page, const Prose& prose) {
  for (const ProseSection& section : prose.more) {
    page.section(section.heading);
    page.text(section.text);
    for (const ProseItem& item : section.items) page.item(item.term, "", item.text);
  }
  page.section("SEE ALSO").text(prose.seeAlso);
}

Roff begin(std::string_view title, const Prose& prose, std::string_view summary) {
  Roff page(upper(title), prose.section, kDate, "keydisk " + std::string(version()), prose.manual);
  page.section("NAME").text(std::string(title) + " - " + std::string(summary));
  return page;
}

struct ConfigOption {
  OptionSpec option;
  std::vector<const VerbSpec*> verbs;  // that take it
};

// Every option that CommandLine takes from the file, once, with the verbs that read it.
std::vector<ConfigOption> configOptions(const ProgramSpec& program) {
  std::vector<ConfigOption> all;
  for (const VerbSpec& verb : program.verbs) {
    for (const OptionSpec& option : verb.options) {
      if (option.typedOnly) continue;
      const auto same = std::ranges::find_if(
          all, [&](const ConfigOption& known) { return known.option.name == option.name; });
      if (same == all.end()) {
        all.push_back({option, {&verb}});
      } else {
        same->verbs.push_back(&verb);
      }
    }
  }
  return all;
}

// What the option means to each verb; verbs to which it means the same stand together.
std::string configText(const ConfigOption& entry) {
  std::vector<std::pair<std::string, std::string>> meanings;  // text, verbs
  for (const VerbSpec* verb : entry.verbs) {
    const std::string text = optionText(*findOption(verb->options, entry.option.name));
    const auto same = std::ranges::find(meanings, text, &std::pair<std::string, std::string>::first);
    if (same == meanings.end()) {
      meanings.emplace_back(text, verb->name);
    } else {
      same->second += ", " + std::string(verb->name);
    }
  }
  std::string all;
  for (const auto& [text, verbs] : meanings) all += (all.empty() ? "*" : " *") + verbs + "*: " + text;
  return all;
}

}  // namespace

std::string sentence(std::string_view clause) {
  std::string out = plain(clause);
  if (out.empty()) return out;
  out.front() = upper(out.substr(0, 1)).front();
  return ended(std::move(out));
}

std::string programPage(const ProgramSpec& program) {
  const Prose& prose = proseOf(program.name);
  Roff page = begin(program.name, prose, program.summary);
  addSynopsis(page, program);
  page.section("DESCRIPTION").text(prose.description);
  page.section("COMMANDS");
  for (const VerbSpec& verb : program.verbs) addVerb(page, program, verb);
  page.section("OPTIONS").text("These go with every command, before it or behind it.");
  addOptions(page, optionsOf(program, nullptr));
  addReasons(page);
  if (!program.configFile.empty()) addEvents(page);  // the server's
  addExits(page);
  addProse(page, prose);
  return page.source();
}

std::string configPage(const ProgramSpec& program) {
  const std::string name = std::string(program.name) + ".conf";
  const Prose& prose = proseOf(name);
  Roff page = begin(name, prose, "options of " + std::string(program.name));
  page.section("SYNOPSIS").text("*" + std::string(program.configFile) + "*");
  page.section("DESCRIPTION").text(prose.description);
  page.section("OPTIONS").text("Before each text stands the command that reads the option.");
  for (const ConfigOption& entry : configOptions(program))
    page.item(std::string(entry.option.name) + "=",
              entry.option.value.empty() ? std::string_view("yes|no") : entry.option.value,
              configText(entry));
  addProse(page, prose);
  return page.source();
}

}  // namespace kmsd::help
