// The one place that meets Boost.Program_options.
#include <boost/program_options/cmdline.hpp>
#include <boost/program_options/errors.hpp>
#include <boost/program_options/option.hpp>
#include <boost/program_options/options_description.hpp>
#include <boost/program_options/parsers.hpp>

#include "daemon/cli_line.h"

namespace kmsd {
namespace {

namespace po = boost::program_options;

// Whole names only: an abbreviation would change its meaning with the next option that is added.
constexpr int kStyle = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing &
                       ~po::command_line_style::allow_sticky;

base::Error usage(std::string what) { return {base::Code::Invalid, std::move(what)}; }

base::Error unknownOption(const std::string& name, std::span<const OptionSpec> options) {
  std::vector<std::string_view> names;
  for (const OptionSpec& option : options) names.push_back(option.name);
  const std::string_view typed = name;
  const std::string_view near =
      nearest(typed.substr(std::min(typed.find_first_not_of('-'), typed.size())), names);
  return usage("there is no option '" + name + "' here" +
               (near.empty() ? "" : "; did you mean '--" + std::string(near) + "'?"));
}

base::Error syntaxError(const po::invalid_command_line_syntax& error) {
  using Kind = po::invalid_syntax::kind_t;
  const std::string name = error.get_option_name();
  switch (error.kind()) {
    case Kind::missing_parameter:
    case Kind::empty_adjacent_parameter:
      return usage(name + " needs a value");
    case Kind::extra_parameter:
      return usage(name + " takes no value");
    default:
      return usage(error.what());
  }
}

}  // namespace

base::Result<std::vector<std::string>> CommandLine::boostParse(Parsed& parsed,
                                                               const std::vector<std::string>& words) const {
  const std::vector<OptionSpec> options = optionsOf(program_, parsed.verb_);
  std::vector<std::string> arguments;
  try {
    po::options_description known;
    for (const OptionSpec& option : options)
      known.add(boost::shared_ptr<po::option_description>(new po::option_description(
          std::string(option.name).c_str(), new po::untyped_value(option.value.empty()), "")));
    const auto found = po::command_line_parser(words).options(known).style(kStyle).run();
    for (const auto& option : found.options) {
      if (option.string_key.empty()) {
        arguments.insert(arguments.end(), option.value.begin(), option.value.end());
        continue;
      }
      auto& values = parsed.values_[option.string_key];
      const OptionSpec* spec = findOption(options, option.string_key);
      if (!values.empty() && !spec->repeated && !spec->value.empty())
        return usage("--" + option.string_key + " is given twice");
      values.push_back(option.value.empty() ? "" : option.value.front());
    }
  } catch (const po::unknown_option& error) {
    return unknownOption(error.get_option_name(), options);
  } catch (const po::invalid_command_line_syntax& error) {
    return syntaxError(error);
  } catch (const po::error& error) {
    return usage(error.what());
  }
  return arguments;
}

}  // namespace kmsd
