// The completion scripts, sourced by a real bash that is asked what it would offer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "tests/support/run.h"
#include "tests/support/scratch.h"

namespace tests {
namespace {

using ::testing::Contains;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;
using Offers = std::set<std::string>;

class Completion : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(scratch_ / "keys/old");
    std::ofstream(scratch_ / "keys/a.img") << "x";
    std::ofstream(scratch_ / "keys/with blank.img") << "x";
    std::ofstream(scratch_ / "token") << "x";
  }
  // What is offered behind `line`, with the cursor at its end. Bash without any start file: what the
  // bash-completion package defines is not there.
  Offers offers(const std::string& line, const std::string& breaks = R"( \t\n"\'><=;|&(:)") {
    const std::string program = line.substr(0, line.find(' '));
    const std::string script = "set -u; cd " + scratch_.path().string() +
                               " && source " KEYDISK_BINARY_DIR "/help/completions/" + program +
                               " && [[ $(complete -p " + program + ") == *' -F _" + program +
                               " '* ]] || exit 3\n"
                               "COMP_WORDBREAKS=$'" +
                               breaks + "' COMP_LINE=$1 COMP_POINT=${#1}\n_" + program +
                               "\nprintf '%s\\n' ${COMPREPLY[@]+\"${COMPREPLY[@]}\"}\n";
    const Ran ran = run({"bash", "--norc", "--noprofile", "-c", script, "bash", line});
    EXPECT_EQ(ran.exit, 0) << line;
    EXPECT_EQ(ran.err, "") << line;
    Offers found;
    for (std::size_t at = 0; at < ran.out.size();) {
      const std::size_t end = ran.out.find('\n', at);
      if (end > at) found.insert(ran.out.substr(at, end - at));
      at = end + 1;
    }
    return found;
  }

  Scratch scratch_;
};

TEST_F(Completion, OffersVerbsAndTheirSecondWords) {
  EXPECT_THAT(offers("kmsctl st"), UnorderedElementsAre("status"));
  const Offers first = offers("kmsctl ");
  for (const char* verb : {"status", "media", "seal", "unseal", "user", "token"})
    EXPECT_THAT(first, Contains(verb));
  const Offers user = offers("kmsctl user ");
  for (const char* verb : {"add", "set", "list", "show"}) EXPECT_THAT(user, Contains(verb));
  EXPECT_THAT(offers("kmsctl token ver"), Contains("verify"));
  EXPECT_THAT(offers("kmsd medium c"), UnorderedElementsAre("check", "create", "copy"));
  EXPECT_THAT(offers("kmsd xyz"), IsEmpty());
}

TEST_F(Completion, OffersTheOptionsOfTheVerb) {
  EXPECT_THAT(offers("kmsctl token issue --ki"), UnorderedElementsAre("--kind"));
  EXPECT_THAT(offers("kmsctl user add alice --ki"), IsEmpty());
  EXPECT_THAT(offers("kmsctl --js"), UnorderedElementsAre("--json"));
  EXPECT_THAT(offers("kmsctl --server unix:/x --json status --to"), Contains("--token-file"));
  EXPECT_THAT(offers("kmsd run --on"), UnorderedElementsAre("--on-removal"));
  EXPECT_THAT(offers("kmsd setup --"), Contains("--backup-medium"));
  EXPECT_THAT(offers("kmsd run --"), Not(Contains("--backup-medium")));
}

TEST_F(Completion, OffersFixedWords) {
  EXPECT_THAT(offers("kmsctl token issue --kind "), UnorderedElementsAre("access", "enrol", "recover"));
  EXPECT_THAT(offers("kmsctl token issue --kind=en"), UnorderedElementsAre("enrol"));
  EXPECT_THAT(offers("kmsctl token issue --kind=en", " \\t\\n"), UnorderedElementsAre("--kind=enrol"));
  EXPECT_THAT(offers("kmsctl user set alice --role is"), UnorderedElementsAre("issuer"));
  EXPECT_THAT(offers("kmsd run --on-removal "), UnorderedElementsAre("keep", "seal", "grace:"));
  EXPECT_THAT(offers("kmsd run --on-removal k"), UnorderedElementsAre("keep"));
}

TEST_F(Completion, OffersMediumUris) {
  EXPECT_THAT(offers("kmsd run --medium "),
              UnorderedElementsAre("image:", "floppy:A:", "floppy:B:", "usb:", "card:", "prompt:"));
  EXPECT_THAT(offers("kmsd medium check fl"), UnorderedElementsAre("floppy:A:", "floppy:B:"));
  // Bash replaces what stands behind the last colon, so only that is offered.
  EXPECT_THAT(offers("kmsd run --medium image:ke"), UnorderedElementsAre("keys/"));
  EXPECT_THAT(offers("kmsd medium copy floppy:A: image:keys/"),
              UnorderedElementsAre("keys/a.img", "keys/old/", "keys/with\\ blank.img"));
  EXPECT_THAT(offers("kmsd run --medium=image:keys/a"), UnorderedElementsAre("keys/a.img"));
  EXPECT_THAT(offers("kmsd run --medium image:ke", " \\t\\n"), UnorderedElementsAre("image:keys/"));
}

TEST_F(Completion, OffersFilesAndDirectories) {
  EXPECT_THAT(offers("kmsctl --token-file t"), UnorderedElementsAre("token"));
  EXPECT_THAT(offers("kmsctl status --token-file keys/a"), UnorderedElementsAre("keys/a.img"));
  EXPECT_THAT(offers("kmsd run --data-dir "), UnorderedElementsAre("keys/"));
  EXPECT_THAT(offers("kmsctl user add --mail "), IsEmpty());
}

}  // namespace
}  // namespace tests
