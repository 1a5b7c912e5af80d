#include "daemon/media_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "hal/base/rng.h"
#include "hal/base/utf8.h"
#include "tests/support/scratch.h"

namespace kmsd {
namespace {

using ::testing::HasSubstr;

Found found(Holding holding) { return {{"image", "/k.img"}, holding, false, false, {}}; }

Found keyMedium() {
  Found one = found(Holding::Key);
  one.identity = hal::MediumIdentity{
      base::Uuid::generate(base::systemRng()), base::Uuid::generate(base::systemRng()), "Acme 1", {}};
  return one;
}

base::Reason refusal(const Found& one, const Consents& consents) {
  auto consent = consentFor(one, consents);
  return consent ? base::Reason::None : consent.error().reason;
}

TEST(ConsentTest, AnAbsentMediumMustBeOneThatWritingMakes) {
  Found one = found(Holding::Absent);
  EXPECT_EQ(refusal(one, {true, {}}), base::Reason::AwaitingMedium);
  one.creatable = true;
  EXPECT_EQ(*consentFor(one, {}), hal::Overwrite::Empty);
}

TEST(ConsentTest, OnlyWhatHoldsNothingIsWrittenUnasked) {
  EXPECT_EQ(*consentFor(found(Holding::Nothing), {}), hal::Overwrite::Empty);
  EXPECT_EQ(*consentFor(found(Holding::NoKey), {}), hal::Overwrite::Empty);
  EXPECT_EQ(refusal(found(Holding::Other), {}), base::Reason::MediumHoldsFiles);
  EXPECT_EQ(*consentFor(found(Holding::NoKey), {true, {}}), hal::Overwrite::Files);
  EXPECT_EQ(*consentFor(found(Holding::Other), {true, {}}), hal::Overwrite::Files);
}

TEST(ConsentTest, AKeyIsLostOnlyByItsName) {
  const Found one = keyMedium();
  const std::string id = one.identity->medium.text();
  EXPECT_EQ(refusal(one, {true, {}}), base::Reason::MediumHoldsKey);
  EXPECT_EQ(refusal(one, {true, {std::string(kUnnamed)}}), base::Reason::MediumHoldsKey);
  EXPECT_EQ(refusal(one, {true, {base::Uuid::generate(base::systemRng()).text()}}),
            base::Reason::MediumHoldsKey);
  EXPECT_THAT(consentFor(one, {}).error().what, HasSubstr("--destroy-key " + id));
  EXPECT_EQ(*consentFor(one, {false, {id}}), hal::Overwrite::Key);
  EXPECT_EQ(*consentFor(found(Holding::Key), {false, {"unnamed"}}), hal::Overwrite::Key);
}

TEST(ConsentTest, AWriteProtectedMediumIsRefusedWhateverIsConsented) {
  Found one = found(Holding::Nothing);
  one.writeProtected = true;
  EXPECT_EQ(refusal(one, {true, {}}), base::Reason::MediumReadOnly);
}

TEST(ConsentTest, ADestroyKeyMustFitAMediumThatIsThere) {
  const Found one = keyMedium();
  const std::string id = one.identity->medium.text();
  EXPECT_TRUE(checkDestroy({false, {id}}, {found(Holding::Nothing), one}));
  EXPECT_TRUE(checkDestroy({}, {one}));
  EXPECT_FALSE(checkDestroy({false, {id}}, {found(Holding::Nothing)}));
  EXPECT_FALSE(checkDestroy({false, {"unnamed"}}, {one}));
  EXPECT_FALSE(checkDestroy({false, {"all"}}, {one}));
}

TEST(PlaceTest, OnePlaceUnderTwoNamesIsFound) {
  const tests::Scratch scratch;
  std::ofstream(scratch / "a.img") << "x";
  std::filesystem::create_symlink(scratch / "a.img", scratch / "b.img");
  Found a{{"image", (scratch / "a.img").string()}, Holding::Nothing, false, false, {}};
  Found b = a;
  EXPECT_FALSE(checkDistinct({a, b}));
  b.id.slot = (scratch / "b.img").string();
  EXPECT_FALSE(checkDistinct({a, b}));
  b.id.slot = (scratch / "c.img").string();
  EXPECT_TRUE(checkDistinct({a, b}));
  EXPECT_FALSE(checkDistinct({{{"floppy", "A:"}, {}, {}, {}, {}}, b, {{"floppy", "A:"}, {}, {}, {}, {}}}));
}

TEST(HoldingTest, ReadErrorsTellWhatIsThereOrStayErrors) {
  const auto holding = [](base::Reason reason) { return *holdingOf({base::Code::Corrupt, "x", reason}); };
  EXPECT_EQ(holding(base::Reason::Unformatted), Holding::Nothing);
  EXPECT_EQ(holding(base::Reason::Blank), Holding::NoKey);
  EXPECT_EQ(holding(base::Reason::NotFat), Holding::Other);
  EXPECT_EQ(holding(base::Reason::Damaged), Holding::Key);
  EXPECT_FALSE(holdingOf({base::Code::Io, "x"}));
  EXPECT_FALSE(holdingOf({base::Code::Denied, "x", base::Reason::MediumNotPermitted}));
}

TEST(LabelTest, FitsTheMediumAndStaysUtf8) {
  EXPECT_EQ(mediumLabel("Acme", 1), "Acme 1");
  EXPECT_EQ(mediumLabel("", 2), "keydisk 2");
  EXPECT_EQ(mediumLabel("An organisation of some length", 1), "An organisation of som 1");
  for (std::size_t size = 0; size < 40; ++size) {
    std::string name(size, 'a');
    for (int i = 0; i < 12; ++i) name += "漢é";
    const std::string label = mediumLabel(name, 16);
    EXPECT_LE(label.size(), hal::kMaxLabel);
    EXPECT_TRUE(base::validUtf8(label)) << label;
    EXPECT_TRUE(label.ends_with(" 16"));
  }
}

TEST(GroundTest, OnlyAnEmptyDirectoryBecomesAServer) {
  EXPECT_EQ(judgeGround({}).ground, Ground::Empty);
  EXPECT_EQ(judgeGround({"security.new", "lost+found", "security.bak.1"}).ground, Ground::Empty);
  EXPECT_EQ(judgeGround({"security", "x"}).ground, Ground::Server);
  EXPECT_EQ(judgeGround({"b", "a"}).ground, Ground::Foreign);
  EXPECT_EQ(judgeGround({"b", "a"}).foreign, "a");
}

}  // namespace
}  // namespace kmsd
