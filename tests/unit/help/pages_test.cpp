// The manual pages: complete, and clean for both programs that show them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "daemon/cli_line.h"
#include "daemon/help/pages.h"
#include "daemon/help/roff.h"
#include "drivers/builtin.h"
#include "kms/audit/audit.h"
#include "tests/support/run.h"
#include "tests/support/scratch.h"
#include "tests/unit/help/programs.h"

namespace tests {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

struct Page {
  std::string name;
  std::string source;
};

std::vector<Page> pages() {
  return {{"kmsd.8", kmsd::help::programPage(kmsd::kmsdProgram())},
          {"kmsctl.1", kmsd::help::programPage(kmsd::ctl::program())},
          {"kmsd.conf.5", kmsd::help::configPage(kmsd::kmsdProgram())}};
}

// The page as plain text, as a reader sees it; `said`: what the tool complained of.
std::string shown(const std::string& source, std::string& said) {
  const Scratch scratch;
  std::ofstream(scratch / "page") << source;
  const Ran ran = run({"env", "MANWIDTH=500", "man", "--nj", "--nh", "--warnings", "-E", "UTF-8", "-l",
                       (scratch / "page").string()});
  EXPECT_EQ(ran.exit, 0);
  said = ran.err;
  return ran.out;
}

TEST(ManualPages, AreCleanForManAndMandoc) {
  for (const Page& page : pages()) {
    const Scratch scratch;
    std::ofstream(scratch / page.name) << page.source;
    const Ran lint = run({"mandoc", "-Tlint", (scratch / page.name).string()});
    EXPECT_EQ(lint.exit, 0) << page.name;
    EXPECT_EQ(lint.out + lint.err, "") << page.name;
    std::string said;
    EXPECT_GT(shown(page.source, said).size(), 1000U) << page.name;
    EXPECT_EQ(said, "") << page.name;
  }
}

TEST(ManualPages, TellEveryVerbOptionReasonAndExitCode) {
  for (const kmsd::ProgramSpec& program : {kmsd::kmsdProgram(), kmsd::ctl::program()}) {
    std::string said;
    const std::string text = shown(kmsd::help::programPage(program), said);
    for (const kmsd::VerbSpec& verb : program.verbs) {
      EXPECT_THAT(text, HasSubstr(std::string(program.name) + " " + std::string(verb.name)));
      for (const kmsd::OptionSpec& option : optionsOf(program, &verb)) {
        const std::string value = option.value.empty() ? "" : " " + std::string(option.value);
        EXPECT_THAT(text, HasSubstr("--" + std::string(option.name) + value));
        if (!option.fallback.empty()) {
          EXPECT_THAT(text, HasSubstr("Default: " + std::string(option.fallback)));
        }
      }
      const std::size_t end = verb.examples.find('\n');
      EXPECT_THAT(text, HasSubstr(std::string(verb.examples.substr(0, end)))) << verb.name;
    }
    for (const kmsd::ReasonRow& row : kmsd::reasonTable()) {
      if (row.reason == base::Reason::None) continue;
      EXPECT_FALSE(row.meaning.empty()) << row.name << " needs a meaning in daemon/reasons.cpp";
      EXPECT_THAT(text, HasSubstr(std::string(row.name)));
      if (row.event != 0) {
        EXPECT_THAT(text, HasSubstr("Event " + std::to_string(row.event)));
      }
    }
    for (const kmsd::ExitRow& row : kmsd::exitTable())
      EXPECT_THAT(text, ::testing::ContainsRegex("\n +" + std::to_string(static_cast<int>(row.exit)) + " "));
  }
}

TEST(ManualPages, OfTheServerTellsEveryDriversUris) {
  std::string said;
  const std::string page = shown(kmsd::help::programPage(kmsd::kmsdProgram()), said);
  for (const hal::DriverEntry& driver : drivers::builtin().drivers()) {
    EXPECT_THAT(page, HasSubstr(std::string(driver.info->forms)));
  }
}

TEST(ManualPages, OfTheServerTellsEveryEvent) {
  std::string said;
  const std::string text = shown(kmsd::help::programPage(kmsd::kmsdProgram()), said);
  for (const kms::EventRow& row : kms::eventTable()) {
    const auto id = std::to_string(static_cast<unsigned>(row.event));
    EXPECT_THAT(text, HasSubstr("\n       " + id + " " + std::string(row.name)));
    EXPECT_THAT(text, HasSubstr(std::string(row.meaning)));
  }
}

TEST(ManualPages, OfTheConfigurationTellsWhatMayStandInItAndNothingElse) {
  std::string said;
  const std::string text = shown(kmsd::help::configPage(kmsd::kmsdProgram()), said);
  for (const kmsd::VerbSpec& verb : kmsd::kmsdProgram().verbs) {
    for (const kmsd::OptionSpec& option : verb.options) {
      const std::string entry = "\n       " + std::string(option.name) + "=";
      if (option.typedOnly) {
        EXPECT_THAT(text, Not(HasSubstr(entry)));
      } else {
        EXPECT_THAT(text, HasSubstr(entry));
      }
    }
  }
}

TEST(Roff, EscapesWhatMeansSomething) {
  EXPECT_EQ(kmsd::help::escapeRoff("a-b \\n 'x' `y` ~^"), "a\\-b \\en \\(aqx\\(aq \\(gay\\(ga \\(ti\\(ha");
  kmsd::help::Roff page("x", 1, "2026-01-01", "s", "m");
  page.section("NAME").text("x - y").section("S").text(".dots and 'quotes'\n\n    .TH literal \\fB -x");
  page.item(".conf=", "A*B", kmsd::help::plain("2 * 3 * 4"));
  std::string said;
  const std::string text = shown(page.source(), said);
  EXPECT_EQ(said, "");
  EXPECT_THAT(text, HasSubstr(".dots and 'quotes'"));
  EXPECT_THAT(text, HasSubstr(".TH literal \\fB -x"));
  EXPECT_THAT(text, HasSubstr(".conf=A*B"));
  EXPECT_THAT(text, HasSubstr("2 * 3 * 4"));
}

TEST(Roff, KeepsLongLiteralLinesWhole) {
  const std::string line = "kmsd " + std::string(200, '-') + " end";
  kmsd::help::Roff page("x", 1, "2026-01-01", "s", "m");
  page.section("NAME").text("x - y").section("S").text("    " + line);
  std::string said;
  EXPECT_THAT(shown(page.source(), said), HasSubstr(line));
  for (std::size_t at = 0; at < page.source().size();) {
    const std::size_t end = page.source().find('\n', at);
    EXPECT_LE(end - at, 80U);
    at = end + 1;
  }
}

}  // namespace
}  // namespace tests
