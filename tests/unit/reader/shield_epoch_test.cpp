// What a kmsd-media that notes the state on media may change.
#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/scratch.h"
#include "tests/unit/reader/shielded.h"

namespace tests {
namespace {

// What notes the state seen last on media changes images, but makes, empties and removes none.
TEST(Shield, WhoNotesOnMediaChangesTheirContentOnly) {
  if (!hasLandlock()) GTEST_SKIP() << "this kernel has no Landlock";
  const tests::Scratch media;
  const tests::Scratch other;
  std::ofstream(media / "key.img") << "key";
  std::ofstream(other / "driver.so") << "code";
  for (const auto& named : {media.path(), media / "key.img"}) {
    kmsd::media::Rights rights{false, false, {named.string(), other.path().string()}};
    rights.changeable = {named.string()};
    const auto answers =
        shielded(rights, {{"change", [&] { return opened(media / "key.img", O_RDWR); }},
                          {"empty", [&] { return opened(media / "key.img", O_RDWR | O_TRUNC); }},
                          {"make", [&] { return opened(media / "new.img", O_RDWR | O_CREAT); }},
                          {"remove", [&] { return ::unlink((media / "key.img").c_str()); }},
                          {"otherRead", [&] { return opened(other / "driver.so", O_RDONLY); }},
                          {"otherChange", [&] { return opened(other / "driver.so", O_RDWR); }}});
    EXPECT_EQ(answers.at("change"), 0);
    EXPECT_NE(answers.at("empty"), 0);
    EXPECT_EQ(answers.at("make"), EACCES);
    EXPECT_EQ(answers.at("remove"), EACCES);
    EXPECT_EQ(answers.at("otherRead"), 0);
    EXPECT_EQ(answers.at("otherChange"), EACCES);
  }
  EXPECT_EQ(std::filesystem::file_size(media / "key.img"), 3U);
}

}  // namespace
}  // namespace tests
