#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "daemon/cli_line.h"
#include "tests/support/scratch.h"

namespace kmsd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Exit nothing(const Parsed& /*parsed*/) { return Exit::Yes; }

constexpr OptionSpec kGlobals[] = {{"json", "", "print JSON"},
                                   {"server", "URI", "talk to URI", "unix:/run/s"}};
constexpr OptionSpec kSetup[] = {
    {"data-dir", "DIR", "the data directory", "/var/lib/kms"},
    {"medium", "URI", "a key medium", "", true},
    {"ttl", "SPAN", "how long"},
    {"name", "NAME", "whom it belongs to", "", false, true},
    {"format", "", "lose what is there", "", false, false, true},
};
constexpr ArgumentSpec kOne[] = {{"URI", "which"}, {"MORE", "others", false, true}};
constexpr OptionSpec kRun[] = {{"listen", "ADDRESS", "where"}};
constexpr VerbSpec kVerbs[] = {
    {"setup", "make a server", {}, kSetup, "kmsd setup --name X  # makes it\n", nothing},
    {"run", "serve", {}, kRun, "", nothing},
    {"medium list", "show media", {}, {}, "", nothing},
    {"medium create", "make one", kOne, {}, "", nothing},
};

class CliTest : public ::testing::Test {
 protected:
  base::Result<CommandLine::Outcome> parse(const std::vector<std::string>& words) {
    file_ = (scratch_ / "kmsd.conf").string();
    const ProgramSpec program{"kmsd", "a server", kGlobals, kVerbs, file_};
    return CommandLine(program).parse(words);
  }
  std::string wrong(const std::vector<std::string>& words) {
    const auto outcome = parse(words);
    if (outcome) return "accepted";
    EXPECT_EQ(outcome.error().code, base::Code::Invalid);
    EXPECT_EQ(outcome.error().what.find('\n'), std::string::npos);
    return outcome.error().what;
  }
  void config(const std::string& text) { std::ofstream(scratch_ / "kmsd.conf") << text; }

  tests::Scratch scratch_;
  std::string file_;
};

TEST_F(CliTest, FindsVerbsOfOneWordAndTwo) {
  EXPECT_EQ(parse({"setup", "--name", "x"})->verb->name, "setup");
  const auto create = parse({"--json", "medium", "create", "a", "b", "c"});
  ASSERT_TRUE(create);
  EXPECT_EQ(create->verb->name, "medium create");
  EXPECT_TRUE(create->parsed.has("json"));
  EXPECT_THAT(create->parsed.arguments(), ElementsAre("a", "b", "c"));
}

TEST_F(CliTest, TakesGlobalsBeforeAndBehindTheVerb) {
  EXPECT_EQ(parse({"--server", "unix:/a", "run"})->parsed.text("server"), "unix:/a");
  EXPECT_EQ(parse({"--server=unix:/a", "run"})->parsed.text("server"), "unix:/a");
  EXPECT_EQ(parse({"run", "--server", "unix:/a"})->parsed.text("server"), "unix:/a");
  EXPECT_EQ(parse({"run"})->parsed.text("server"), "unix:/run/s");
  EXPECT_FALSE(parse({"run"})->parsed.has("server"));
}

TEST_F(CliTest, TakesRepeatedOptionsAndValuesThatBeginWithADash) {
  const auto setup = parse({"setup", "--name", "-x", "--medium", "a:", "--medium=b:", "--ttl=-5"});
  ASSERT_TRUE(setup);
  EXPECT_THAT(setup->parsed.texts("medium"), ElementsAre("a:", "b:"));
  EXPECT_EQ(setup->parsed.text("name"), "-x");
  EXPECT_EQ(setup->parsed.text("ttl"), "-5");
  EXPECT_THAT(parse({"medium", "create", "-"})->parsed.arguments(), ElementsAre("-"));
  EXPECT_THAT(parse({"medium", "create", "--", "--json", "-q"})->parsed.arguments(),
              ElementsAre("--json", "-q"));
  EXPECT_FALSE(parse({"medium", "create", "--", "--json"})->parsed.has("json"));
}

TEST_F(CliTest, SaysWhatIsWrongInOneSentence) {
  EXPECT_EQ(wrong({"stup"}), "there is no verb 'stup'; did you mean 'setup'?");
  EXPECT_EQ(wrong({"medium", "creat", "x"}), "there is no verb 'medium creat'; 'medium' has: list, create");
  EXPECT_EQ(wrong({"medium"}), "'medium' needs a second word: list, create");
  EXPECT_EQ(wrong({"xyzzy"}), "there is no verb 'xyzzy'");
  EXPECT_EQ(wrong({}), "a verb is missing");
  EXPECT_EQ(wrong({"run", "--lisen", "x"}), "there is no option '--lisen' here; did you mean '--listen'?");
  EXPECT_EQ(wrong({"run", "-q"}), "there is no option '-q' here");
  EXPECT_EQ(wrong({"--wrong", "run"}), "no option '--wrong' stands before the verb");
  EXPECT_EQ(wrong({"run", "--listen"}), "--listen needs a value");
  EXPECT_EQ(wrong({"run", "--listen="}), "--listen needs a value");
  EXPECT_EQ(wrong({"run", "--json=yes"}), "--json takes no value");
  EXPECT_EQ(wrong({"run", "--listen", "a", "--listen", "b"}), "--listen is given twice");
  EXPECT_EQ(wrong({"setup"}), "--name NAME is missing");
  EXPECT_EQ(wrong({"medium", "create"}), "the argument URI is missing");
  EXPECT_EQ(wrong({"run", "x"}), "'x' is one argument too many");
  for (const char* secret : {"K4X21JPS8V38CD", "k4x21jp-s8v38cd", "kms_anything"})
    EXPECT_EQ(wrong({"run", secret}), "a key or a token is one argument too many");
}

TEST_F(CliTest, GuessesNoAbbreviations) {
  EXPECT_THAT(wrong({"run", "--list", "x"}), HasSubstr("no option '--list'"));
}

TEST_F(CliTest, AnswersHelpWhateverElseIsWrong) {
  EXPECT_EQ(parse({"--help"})->wants, CommandLine::Wants::Help);
  EXPECT_EQ(parse({"-h"})->verb, nullptr);
  EXPECT_EQ(parse({"setup", "--help"})->verb->name, "setup");
  EXPECT_EQ(parse({"--version"})->wants, CommandLine::Wants::Version);
}

TEST_F(CliTest, ReadsTheConfigurationFileBehindTheCommandLine) {
  config("# comment\n[kmsd]\nname = acme, inc\r\nmedium=a:\nmedium = b:\nlisten=unix:/x\njson=yes\n");
  const auto setup = parse({"setup"});
  ASSERT_TRUE(setup);
  EXPECT_EQ(setup->parsed.text("name"), "acme, inc");
  EXPECT_THAT(setup->parsed.texts("medium"), ElementsAre("a:", "b:"));
  EXPECT_TRUE(setup->parsed.has("json"));
  EXPECT_THAT(parse({"setup", "--medium", "c:"})->parsed.texts("medium"), ElementsAre("c:"));
}

TEST_F(CliTest, NamesFileAndLineOfAWrongConfiguration) {
  const auto refused = [&](const std::string& text) {
    config(text);
    const std::string what = wrong({"run"});
    EXPECT_THAT(what, HasSubstr(file_ + " line 2: "));
    return what;
  };
  EXPECT_THAT(refused("\nlisen=x\n"), HasSubstr("there is no option 'lisen'"));
  EXPECT_THAT(refused("\nnonsense\n"), HasSubstr("name=value"));
  EXPECT_THAT(refused("\n[other]\n"), HasSubstr("no section"));
  EXPECT_THAT(refused("listen=a\nlisten=b"), HasSubstr("stands twice"));
  EXPECT_THAT(refused("\nlisten="), HasSubstr("needs a value"));
  EXPECT_THAT(refused("\njson=maybe"), HasSubstr("yes or no"));
  EXPECT_THAT(refused("\nformat=yes"), HasSubstr("from the command line only"));
  EXPECT_THAT(refused("\nhelp=yes"), HasSubstr("no option 'help'"));
}

TEST_F(CliTest, RefusesANamedConfigurationThatIsNotThere) {
  const auto outcome = parse({"run", "--config", (scratch_ / "absent").string()});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, base::Code::NotFound);
  EXPECT_TRUE(parse({"run", "--config", "/dev/null"}));
}

TEST_F(CliTest, HelpShowsTheTables) {
  const ProgramSpec program{"kmsd", "a server", kGlobals, kVerbs, "/etc/x.conf"};
  const std::string all = programHelp(program);
  for (const VerbSpec& verb : kVerbs) EXPECT_THAT(all, HasSubstr(std::string(verb.name)));
  EXPECT_THAT(all, HasSubstr("Exit codes"));
  EXPECT_THAT(all, HasSubstr("/etc/x.conf"));
  const std::string setup = verbHelp(program, kVerbs[0]);
  EXPECT_THAT(setup, HasSubstr("Usage: kmsd setup --name NAME [OPTION]..."));
  EXPECT_THAT(setup, HasSubstr("(default: /var/lib/kms)"));
  EXPECT_THAT(setup, HasSubstr("kmsd setup --name X  # makes it"));
  EXPECT_THAT(verbHelp(program, kVerbs[3]), HasSubstr("medium create URI [MORE...]"));
}

TEST(SpanTest, ReadsUnitsAndBounds) {
  EXPECT_EQ(*parseSpan("90"), std::chrono::seconds(90));
  EXPECT_EQ(*parseSpan("90s"), std::chrono::seconds(90));
  EXPECT_EQ(*parseSpan("15m"), std::chrono::minutes(15));
  EXPECT_EQ(*parseSpan("24h"), std::chrono::hours(24));
  EXPECT_EQ(*parseSpan("7d"), std::chrono::hours(168));
  EXPECT_EQ(*parseSpan("0", true), std::chrono::seconds(0));
  EXPECT_EQ(*parseSpan("36600d"), std::chrono::hours(24 * 36600));
  for (const char* bad : {"", "0", "-1", "-5m", "+5", "1.5h", "5w", "h", "5 m", "5mm", "36601d",
                          "99999999999999999999", "9223372036854775807d", "0x10"})
    EXPECT_FALSE(parseSpan(bad)) << bad;
}

TEST(PrintableTest, EscapesWhatCouldSteerATerminal) {
  EXPECT_EQ(printable("plain é 漢"), "plain é 漢");
  EXPECT_EQ(printable("a\nb\tc"), "a\\nb\\tc");
  EXPECT_EQ(printable("\x1b[2J"), "\\x1B[2J");
  EXPECT_EQ(printable("\xc2\x9b\xff"), "\\xC2\\x9B\\xFF");
}

TEST(NearestTest, OffersOnlyWhatIsClose) {
  constexpr std::string_view kNames[] = {"setup", "run", "status"};
  EXPECT_EQ(nearest("setpu", kNames), "setup");
  EXPECT_EQ(nearest("statsu", kNames), "status");
  EXPECT_EQ(nearest("frobnicate", kNames), "");
  EXPECT_EQ(nearest("", kNames), "");
}

}  // namespace
}  // namespace kmsd
