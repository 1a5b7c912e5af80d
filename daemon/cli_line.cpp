#include "daemon/cli_line.h"

#include <algorithm>

#include "hal/base/file.h"
#include "hal/key_file.h"

namespace kmsd {
namespace {

constexpr std::size_t kMaxConfig = 64 * 1024;  // bytes

constexpr OptionSpec kHelp{"help", "", "say how this is used, and do nothing else"};
constexpr OptionSpec kVersion{"version", "", "say the version, and do nothing else"};
constexpr OptionSpec kConfig{"config", "FILE", "take options from FILE and not from the usual file"};

base::Error usage(std::string what) { return {base::Code::Invalid, std::move(what)}; }

std::string inQuotes(std::string_view word) { return "'" + std::string(word) + "'"; }

// What is said may be logged, so a key or a token in the wrong place is not said again.
std::string shown(std::string_view word) {
  return hal::parseTyped(word) || word.starts_with("kms_") ? "a key or a token" : inQuotes(word);
}

// "--name=value" -> "name"; empty where the word is no long option.
std::string_view longName(std::string_view word) {
  if (!word.starts_with("--")) return {};
  word.remove_prefix(2);
  return word.substr(0, word.find('='));
}

std::string hint(std::string_view word, std::span<const std::string_view> names) {
  const std::string_view near = nearest(word, names);
  return near.empty() ? "" : "; did you mean " + inQuotes(near) + "?";
}

std::string joined(std::span<const std::string_view> names) {
  std::string all;
  for (const std::string_view name : names) all += (all.empty() ? "" : ", ") + std::string(name);
  return all;
}

// The verb that words[at] and what follows name. `length`: how many words it has.
base::Result<const VerbSpec*> findVerb(const ProgramSpec& program, const std::vector<std::string>& words,
                                       std::size_t at, std::size_t& length) {
  const std::string& first = words[at];
  const std::string both = at + 1 < words.size() ? first + " " + words[at + 1] : first;
  std::vector<std::string_view> all;
  std::vector<std::string_view> family;  // second words of the verbs that begin with this one
  for (const VerbSpec& verb : program.verbs) {
    length = verb.name.find(' ') != std::string_view::npos ? 2 : 1;
    if (verb.name == (length == 2 ? both : first)) return &verb;
    all.push_back(verb.name);
    if (verb.name.starts_with(first + " ")) family.push_back(verb.name.substr(first.size() + 1));
  }
  if (family.empty()) {
    const std::string_view near = nearest(both, all);
    return usage("there is no verb " + inQuotes(first) + hint(near.empty() ? first : both, all));
  }
  if (both == first || words[at + 1].starts_with('-'))
    return usage(inQuotes(first) + " needs a second word: " + joined(family));
  return usage("there is no verb " + inQuotes(both) + "; " + inQuotes(first) + " has: " + joined(family));
}

}  // namespace

struct CommandLine::Split {
  const VerbSpec* verb = nullptr;
  bool help = false;
  bool version = false;
  std::vector<std::string> words;  // the line without its verb
};

std::vector<OptionSpec> optionsOf(const ProgramSpec& program, const VerbSpec* verb) {
  std::vector<OptionSpec> all;
  if (verb != nullptr) all.assign(verb->options.begin(), verb->options.end());
  all.insert(all.end(), program.globals.begin(), program.globals.end());
  if (!program.configFile.empty()) all.push_back(kConfig);
  all.push_back(kHelp);
  all.push_back(kVersion);
  return all;
}

const OptionSpec* findOption(std::span<const OptionSpec> options, std::string_view name) noexcept {
  const auto at = std::ranges::find(options, name, &OptionSpec::name);
  return at == options.end() ? nullptr : &*at;
}

std::vector<std::string_view> choicesOf(const OptionSpec& option) {
  std::vector<std::string_view> all;
  for (std::string_view rest = option.choices; !rest.empty();) {
    const std::size_t end = std::min(rest.find(' '), rest.size());
    all.push_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return all;
}

std::string choiceWords(const OptionSpec& option) {
  const auto choices = choicesOf(option);
  std::string words;
  for (std::size_t i = 0; i < choices.size(); ++i) {
    if (i > 0) words += i + 1 == choices.size() ? " or " : ", ";
    words += std::string(choices[i]) + (choices[i].ends_with(':') ? "..." : "");
  }
  return words;
}

bool allows(const OptionSpec& option, std::string_view value) noexcept {
  std::string_view rest = option.choices;
  if (rest.empty()) return true;
  while (!rest.empty()) {
    const std::string_view choice = rest.substr(0, rest.find(' '));
    if (choice.ends_with(':') ? value.starts_with(choice) : value == choice) return true;
    rest.remove_prefix(std::min(choice.size() + 1, rest.size()));
  }
  return false;
}

std::string_view nearest(std::string_view word, std::span<const std::string_view> names) {
  std::string_view best;
  std::size_t least = std::min<std::size_t>(3, word.size() / 2 + 1);  // more changes than this are no slip
  for (const std::string_view name : names) {
    std::vector<std::size_t> row(name.size() + 1);  // Levenshtein's distance, one row at a time
    for (std::size_t j = 0; j <= name.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= word.size(); ++i) {
      std::size_t diagonal = row[0];
      row[0] = i;
      for (std::size_t j = 1; j <= name.size(); ++j) {
        const std::size_t change = diagonal + (word[i - 1] == name[j - 1] ? 0 : 1);
        diagonal = row[j];
        row[j] = std::min({change, row[j] + 1, row[j - 1] + 1});
      }
    }
    if (row.back() < least) {
      least = row.back();
      best = name;
    }
  }
  return best;
}

base::Result<CommandLine::Split> CommandLine::split(const std::vector<std::string>& words) const {
  Split split;
  const std::vector<OptionSpec> globals = optionsOf(program_, nullptr);
  bool ended = false;  // "--" was met: no options behind it
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (word == "--") ended = true;
    if (!ended && (word == "--help" || word == "-h")) split.help = true;
    if (!ended && word == "--version") split.version = true;
    const bool option = !ended && word.size() > 1 && word.starts_with('-');
    if (split.verb == nullptr && option && word != "-h") {
      const OptionSpec* global = findOption(globals, longName(word));
      if (global == nullptr)
        return usage("no option " + inQuotes(word.substr(0, word.find('='))) + " stands before the verb");
      split.words.push_back(word);
      if (!global->value.empty() && word.find('=') == std::string::npos && i + 1 < words.size())
        split.words.push_back(words[++i]);
    } else if (split.verb == nullptr && word != "-h") {
      std::size_t length = 1;
      auto verb = findVerb(program_, words, i, length);
      if (!verb) return std::move(verb).error();
      split.verb = *verb;
      i += length - 1;
    } else {
      split.words.push_back(word);
    }
  }
  return split;
}

base::Result<CommandLine::Outcome> CommandLine::parse(const std::vector<std::string>& words) const {
  auto split = this->split(words);
  if (!split) return std::move(split).error();
  if (split->help) return Outcome{Wants::Help, split->verb, {}};
  if (split->version) return Outcome{Wants::Version, nullptr, {}};
  if (split->verb == nullptr) return usage("a verb is missing");
  auto parsed = complete(*split->verb, *split);
  if (!parsed) return std::move(parsed).error();
  parsed->program_ = &program_;
  parsed->words_ = words;
  return Outcome{Wants::Run, split->verb, *std::move(parsed)};
}

base::Result<Parsed> Parsed::again() const {
  auto outcome = CommandLine(*program_).parse(words_);
  if (!outcome) return std::move(outcome).error();
  return std::move(outcome->parsed);
}

const VerbSpec* CommandLine::verbOf(const std::vector<std::string>& words) const {
  const auto split = this->split(words);
  return split ? split->verb : nullptr;
}

base::Result<Parsed> CommandLine::complete(const VerbSpec& verb, const Split& split) const {
  Parsed parsed;
  parsed.verb_ = &verb;
  for (const OptionSpec& option : optionsOf(program_, &verb))
    if (!option.fallback.empty()) parsed.fallbacks_.emplace(option.name, option.fallback);
  auto arguments = boostParse(parsed, split.words);
  if (!arguments) return std::move(arguments).error();
  parsed.arguments_ = *std::move(arguments);
  if (auto read = readConfig(parsed); !read) return std::move(read).error();
  if (auto fits = checkComplete(parsed); !fits) return std::move(fits).error();
  return parsed;
}

base::Result<void> CommandLine::readConfig(Parsed& parsed) const {
  if (program_.configFile.empty()) return {};
  const bool named = parsed.has(kConfig.name);
  const std::string file = named ? parsed.text(kConfig.name) : std::string(program_.configFile);
  auto text = base::readSmallFile(file, kMaxConfig);
  if (!text && text.error().code == base::Code::NotFound && !named) return {};
  if (!text) return std::move(text).error();
  auto lines = parseConfig(*text, file, program_.name);
  if (!lines) return std::move(lines).error();

  std::map<std::string, std::vector<std::string>, std::less<>> found;
  const std::vector<OptionSpec> ours = optionsOf(program_, parsed.verb_);
  for (const ConfigLine& line : *lines) {
    const std::string where = file + " line " + std::to_string(line.line) + ": ";
    const auto takes = [&](const VerbSpec& verb) { return findOption(verb.options, line.name); };
    const OptionSpec* known = findOption(ours, line.name);
    const auto other = std::ranges::find_if(program_.verbs, takes);
    if (known == nullptr && other != program_.verbs.end()) known = takes(*other);
    if (known == nullptr || known->name == kHelp.name || known->name == kVersion.name ||
        known->name == kConfig.name)
      return usage(where + "there is no option " + inQuotes(line.name));
    if (known->typedOnly) return usage(where + "--" + line.name + " is taken from the command line only");
    if (findOption(ours, line.name) == nullptr) continue;  // another verb's
    auto& values = found[line.name];
    if (known->value.empty()) {
      if (line.value != "yes" && line.value != "no") return usage(where + line.name + " is yes or no");
      if (line.value == "no") continue;
    } else if (line.value.empty()) {
      return usage(where + line.name + " needs a value");
    }
    if (!values.empty() && !known->repeated) return usage(where + line.name + " stands twice");
    values.push_back(known->value.empty() ? "" : line.value);
  }
  std::erase_if(found, [](const auto& entry) { return entry.second.empty(); });
  parsed.values_.merge(found);  // what the command line gave stays as it is
  return {};
}

base::Result<void> CommandLine::checkComplete(const Parsed& parsed) const {
  const VerbSpec& verb = parsed.verb();
  for (const OptionSpec& option : optionsOf(program_, &verb)) {
    if (option.required && !parsed.has(option.name))
      return usage("--" + std::string(option.name) + " " + std::string(option.value) + " is missing");
    for (const std::string& value : parsed.texts(option.name)) {
      if (allows(option, value)) continue;
      return usage("--" + std::string(option.name) + " takes " + choiceWords(option) + ", not " +
                   inQuotes(value));
    }
  }
  const std::size_t given = parsed.arguments().size();
  std::size_t least = 0;
  for (const ArgumentSpec& argument : verb.arguments) least += argument.required ? 1U : 0U;
  if (given < least) return usage("the argument " + std::string(verb.arguments[given].name) + " is missing");
  const bool open = !verb.arguments.empty() && verb.arguments.back().repeated;
  if (!open && given > verb.arguments.size())
    return usage(shown(parsed.arguments()[verb.arguments.size()]) + " is one argument too many");
  return {};
}

}  // namespace kmsd
