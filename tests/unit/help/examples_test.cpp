// What `--help` says of every verb of both programs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "daemon/cli_line.h"
#include "tests/support/run.h"
#include "tests/support/scratch.h"
#include "tests/unit/help/programs.h"

namespace tests {
namespace {

using kmsd::OptionSpec;
using kmsd::ProgramSpec;
using kmsd::VerbSpec;

constexpr std::size_t kColumns = 100;

std::vector<std::string> linesOf(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

// The arguments that a shell gives to the program in this line. The program is a function that writes them
// down; whatever else the line names runs in an empty directory.
std::vector<std::string> wordsOf(const ProgramSpec& program, const std::string& line) {
  const Scratch scratch;
  const std::string name(program.name);
  const std::string script = "cd " + scratch.path().string() + "\n" + name +
                             "() { printf '%s\\n' \"$@\" >words; cat >/dev/null; }\n" + line + "\n";
  run({"bash", "-c", script});
  std::ifstream in(scratch / "words");
  EXPECT_TRUE(in) << line << " does not call " << name;
  std::vector<std::string> words;
  for (std::string word; std::getline(in, word);) words.push_back(word);
  return words;
}

TEST(Help, OfEachVerbHasAnExampleWithAComment) {
  for (const ProgramSpec& program : programs())
    for (const VerbSpec& verb : program.verbs)
      EXPECT_NE(verb.examples.find(" # "), std::string_view::npos) << program.name << " " << verb.name;
}

TEST(Help, ExamplesParseAsTheVerbTheyStandAt) {
  for (const ProgramSpec& program : programs()) {
    for (const VerbSpec& verb : program.verbs) {
      for (const std::string& line : linesOf(verb.examples)) {
        const auto outcome = kmsd::CommandLine(program).parse(wordsOf(program, line));
        ASSERT_TRUE(outcome) << line << ": " << outcome.error().what;
        EXPECT_EQ(outcome->verb->name, verb.name) << line;
        EXPECT_EQ(outcome->wants, kmsd::CommandLine::Wants::Run) << line;
      }
    }
  }
}

TEST(Help, SaysSomethingOfEveryOptionAndArgument) {
  for (const ProgramSpec& program : programs()) {
    for (const VerbSpec& verb : program.verbs) {
      EXPECT_FALSE(verb.summary.empty()) << verb.name;
      for (const kmsd::ArgumentSpec& argument : verb.arguments)
        EXPECT_FALSE(argument.help.empty()) << verb.name << " " << argument.name;
      for (const OptionSpec& option : optionsOf(program, &verb))
        EXPECT_FALSE(option.help.empty()) << verb.name << " --" << option.name;
    }
  }
}

TEST(Help, FitsIntoOneHundredColumns) {
  for (const ProgramSpec& program : programs()) {
    std::string all = programHelp(program);
    for (const VerbSpec& verb : program.verbs) all += verbHelp(program, verb);
    for (const std::string& line : linesOf(all)) EXPECT_LE(line.size(), kColumns) << line;
  }
}

TEST(Help, ChoicesAllowTheFallback) {
  for (const ProgramSpec& program : programs()) {
    for (const VerbSpec& verb : program.verbs) {
      for (const OptionSpec& option : optionsOf(program, &verb)) {
        if (!option.choices.empty() && !option.fallback.empty()) {
          EXPECT_TRUE(allows(option, option.fallback)) << verb.name << " --" << option.name;
        }
      }
    }
  }
}

// The authority's key and name are asked for by the same words wherever one is made.
TEST(Help, AnAuthorityIsDescribedByTheSameOptionsEverywhere) {
  const auto spec = [](const ProgramSpec& program, std::string_view verb, std::string_view option) {
    const auto found = std::ranges::find(program.verbs, verb, &VerbSpec::name);
    EXPECT_NE(found, program.verbs.end()) << verb;
    const auto options = optionsOf(program, &*found);
    const auto at = std::ranges::find(options, option, &OptionSpec::name);
    EXPECT_NE(at, options.end()) << verb << " --" << option;
    return at == options.end() ? OptionSpec{} : *at;
  };
  const auto all = programs();
  for (const char* option : {"ca-key", "ca-name"}) {
    const OptionSpec first = spec(all[0], "setup", option);
    for (const char* verb : {"ca init", "ca request"}) {
      const OptionSpec one = spec(all[1], verb, option);
      EXPECT_EQ(one.value, first.value) << verb;
      EXPECT_EQ(one.choices, first.choices) << verb;
    }
  }
  EXPECT_EQ(spec(all[1], "ca rollover", "ca-key").choices, spec(all[0], "setup", "ca-key").choices);
  EXPECT_FALSE(kmsd::CommandLine(all[1]).parse({"ca", "init", "--kind", "ed25519"}));
  EXPECT_FALSE(kmsd::CommandLine(all[1]).parse({"ca", "init", "--name", "Acme CA"}));
}

TEST(Help, ChoicesAreCheckedWhereverAValueComesFrom) {
  const auto kmsctl = programs()[1];
  const auto refused = kmsd::CommandLine(kmsctl).parse({"token", "issue", "--user", "a", "--kind", "acces"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().what, "--kind takes access, enrol or recover, not 'acces'");
  EXPECT_TRUE(kmsd::CommandLine(kmsctl).parse({"token", "issue", "--user", "a", "--kind", "enrol"}));

  const Scratch scratch;
  const std::string file = (scratch / "kmsd.conf").string();
  const auto kmsd = programs()[0];
  std::ofstream(file) << "on-removal=burn\n";
  EXPECT_FALSE(kmsd::CommandLine(kmsd).parse({"run", "--config", file}));
  std::ofstream(file) << "on-removal=grace:10s\n";
  EXPECT_TRUE(kmsd::CommandLine(kmsd).parse({"run", "--config", file}));
}

}  // namespace
}  // namespace tests
