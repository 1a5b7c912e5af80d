// Readers, cards and pcscd come and go; cards are mute and slow.
#include <future>
#include <set>

#include "tests/unit/smartcard/card_bench.h"

namespace tests {
namespace {

using base::Code;
using base::Reason;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr const char* kSecond = "Other Reader 01 00";

std::shared_ptr<IsoCard> fileCard(char filler) {
  const auto card = std::make_shared<IsoCard>();
  std::ranges::copy(bytesOf(packedText(filler)), card->key().begin());
  return card;
}

class ReadersTest : public CardBench {
 protected:
  ReadersTest() { use(kFileTarget); }
  // Waits in another thread, does `change`, and expects to hear of it.
  template <class Change>
  void expectHeard(Change change) {
    const auto by = base::Deadline::in(seconds(20));
    auto heard = std::async(std::launch::async, [this, by] { return driver->waitForChange(by, {}); });
    change();
    const auto answer = heard.get();
    ASSERT_TRUE(answer) << answer.error().what;
    EXPECT_TRUE(*answer);
    EXPECT_GT(by.remaining(), seconds(10));
  }
  Typist typist;
};

TEST_F(ReadersTest, ASlotIsAReaderWithItsOptions) {
  insert(fileCard('A'));
  const hal::Slot slot = look();
  EXPECT_EQ(slot.id.uri(), std::string("card:") + kReader + kFileTarget);
  EXPECT_TRUE(slot.present);
  EXPECT_FALSE(slot.writeProtected);
  EXPECT_FALSE(slot.error);
}

TEST_F(ReadersTest, TwoReadersAndOneByName) {
  world->plug(kSecond);
  insert(fileCard('A'));
  world->insert(kSecond, fileCard('B'));
  auto slots = driver->scan(soon());
  ASSERT_TRUE(slots);
  ASSERT_EQ(slots->size(), 2U);
  for (const hal::Slot& slot : *slots) {
    auto medium = driver->open(slot.id, hal::Access::Read, typist, soon());
    ASSERT_TRUE(medium) << medium.error().what;
    const auto text = (*medium)->readKeyFile(soon());
    ASSERT_TRUE(text);
    EXPECT_EQ(text->text(), packedText(slot.id.slot.starts_with("Acme") ? 'A' : 'B'));
  }
  use(std::string("Other") + kFileTarget);
  slots = driver->scan(soon());
  ASSERT_TRUE(slots);
  ASSERT_EQ(slots->size(), 1U);
  EXPECT_EQ(slots->front().id.slot, std::string(kSecond) + kFileTarget);
}

TEST_F(ReadersTest, ReadersWithOddNamesAreTextAndDistinct) {
  world->unplug(kReader);
  for (const char* name : {"A\x01?", "A__", "\xFF\xFE"}) world->plug(name);
  world->plug(std::string(500, 'x'));
  const auto slots = driver->scan(soon());
  ASSERT_TRUE(slots);
  std::set<std::string> names;
  for (const hal::Slot& slot : *slots) {
    EXPECT_LE(slot.id.slot.size(), 200U);
    names.insert(slot.id.slot.substr(0, slot.id.slot.find('?')));
  }
  EXPECT_EQ(names, (std::set<std::string>{"A__", "A___", "__", std::string(128, 'x')}));
}

TEST_F(ReadersTest, NoReaderSaysSo) {
  world->unplug(kReader);
  hal::Slot slot = look();
  ASSERT_TRUE(slot.error);
  EXPECT_EQ(slot.error->code, Code::NotFound);
  EXPECT_EQ(slot.id.slot, kFileTarget);
  const auto got = read(typist);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Code::NotFound);
  world->plug(kReader);
  EXPECT_FALSE(look().error);
}

TEST_F(ReadersTest, TheServiceIsAbsentStartedStoppedAndRestarted) {
  world->stop();
  const hal::Slot slot = look();
  ASSERT_TRUE(slot.error);
  EXPECT_EQ(slot.error->code, Code::Unavailable);
  EXPECT_NE(slot.error->what.find("pcscd does not run"), std::string::npos);
  EXPECT_EQ(read(typist).error().code, Code::Unavailable);
  expectHeard([this] {
    world->start();
    insert(fileCard('A'));
  });
  const hal::Slot first = look();
  EXPECT_TRUE(first.present);
  EXPECT_TRUE(read(typist));
  world->stop();
  world->start();  // with the card in it; its count begins anew
  EXPECT_TRUE(read(typist));
  EXPECT_NE(look().stamp, first.stamp);
  expectHeard([this] { world->stop(); });
  EXPECT_TRUE(look().error);
  EXPECT_EQ(look().id, slot.id.slot == kFileTarget ? first.id : slot.id);  // the reader stays listed
}

TEST_F(ReadersTest, HearsOfCardsAndReaders) {
  EXPECT_FALSE(look().present);
  expectHeard([this] { insert(fileCard('A')); });
  const std::string first = look().stamp;
  expectHeard([this] { insert(fileCard('A')); });
  EXPECT_NE(look().stamp, first);
  expectHeard([this] { world->unplug(kReader); });
  EXPECT_TRUE(look().error);
  expectHeard([this] { world->plug(kReader); });
  EXPECT_FALSE(look().error);
}

// A reader's own count of cards begins anew with it.
TEST_F(ReadersTest, AReaderThatWasUnpluggedHasAnotherStamp) {
  insert(fileCard('A'));
  const std::string first = look().stamp;
  world->unplug(kReader);
  look();
  insert(fileCard('A'));
  const std::string second = look().stamp;
  EXPECT_FALSE(second.empty());
  EXPECT_NE(second, first);
}

TEST_F(ReadersTest, AReaderUnpluggedInTheMiddleIsAnError) {
  insert(fileCard('A'));
  world->beforeApdu([this](unsigned number) {
    if (number == 3) world->unplug(kReader);
  });
  const auto got = read(typist);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Code::NotFound);
}

TEST_F(ReadersTest, AnotherProgramsCardIsBusyForASecond) {
  insert(fileCard('A'));
  world->setExclusive(kReader, true);
  EXPECT_TRUE(look().present);
  const auto got = read(typist);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().reason, Reason::MediumBusy);
  world->setExclusive(kReader, false);
  EXPECT_TRUE(read(typist));
}

TEST_F(ReadersTest, AMuteCardIsPresentAndCannotBeRead) {
  world->insertMute(kReader);
  EXPECT_TRUE(look().present);
  const auto got = read(typist);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Code::Io);
}

TEST_F(ReadersTest, CardsThatHangEndAtTheDeadlineAndOthersGoOn) {
  world->plug(kSecond);
  world->insert(kSecond, fileCard('B'));
  const auto mute = fileCard('A');
  mute->faults().mute = true;
  insert(mute);
  const hal::MediumId second{"card", std::string(kSecond) + kFileTarget};
  for (std::size_t i = 0; i < drivers::smartcard::Workers::kMostHanging + 2; ++i) {
    const auto by = base::Deadline::in(milliseconds(100));
    const auto got = read(typist, by);
    ASSERT_FALSE(got);
    EXPECT_TRUE(got.error().code == Code::Timeout || got.error().code == Code::Unavailable)
        << got.error().what;
    EXPECT_LT(std::chrono::steady_clock::now() - by.at(), seconds(3));
    if (i != 0) continue;
    auto medium = driver->open(second, hal::Access::Read, typist, soon());
    ASSERT_TRUE(medium) << medium.error().what;
    EXPECT_TRUE((*medium)->readKeyFile(soon()));
  }
  world->release();  // the readers give up
  insert(fileCard('A'));
  const auto by = base::Deadline::in(seconds(10));
  auto got = read(typist);
  while (!got && !by.expired()) got = read(typist);
  EXPECT_TRUE(got) << got.error().what;
}

// To the server, a new stamp is a card that was put in anew.
TEST_F(ReadersTest, AJobLeftBehindChangesNoOtherCardsStamp) {
  world->plug(kSecond);
  world->insert(kSecond, fileCard('B'));
  const auto mute = fileCard('A');
  mute->faults().mute = true;
  insert(mute);
  const auto stamps = [this] {
    std::vector<std::string> all;
    const auto slots = driver->scan(soon());
    for (std::size_t i = 0; slots && i < slots->size(); ++i) all.push_back((*slots)[i].stamp);
    return all;
  };
  const auto before = stamps();
  ASSERT_EQ(before.size(), 2U);
  EXPECT_EQ(read(typist, base::Deadline::in(milliseconds(100))).error().code, Code::Timeout);
  EXPECT_EQ(stamps(), before);
  world->stop();
  world->start();
  world->insert(kSecond, fileCard('B'));
  insert(fileCard('A'));
  const auto after = stamps();
  ASSERT_EQ(after.size(), 2U);
  EXPECT_NE(after[0], before[0]);
  EXPECT_NE(after[1], before[1]);
}

// The deadline comes while the person's PIN is on its way: the card that wakes later does not get it.
TEST_F(ReadersTest, ASlowCardGetsNoPinBehindTheDeadline) {
  use(kFilePinTarget);
  const auto card = fileCard('A');
  card->pin = VirtualPin{"123456"};
  insert(card);
  auto medium = driver->open(slot(), hal::Access::Read, typist, soon());
  ASSERT_TRUE(medium) << medium.error().what;
  world->beforeApdu([&](unsigned) { card->faults().delay = milliseconds(50); });
  const auto got = (*medium)->readKeyFile(base::Deadline::in(milliseconds(120)));
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Code::Timeout) << got.error().what;
  medium = base::Error{Code::NotFound, ""};
  const auto by = base::Deadline::in(seconds(10));
  while (world->handles() > 0 && !by.expired()) look();
  EXPECT_EQ(card->pin->given, 0U);
}

TEST_F(ReadersTest, NothingIsLeftBehind) {
  insert(fileCard('A'));
  EXPECT_TRUE(read(typist));
  EXPECT_TRUE(driver->waitForChange(base::Deadline::in(milliseconds(10)), {}));
  driver.reset();
  EXPECT_EQ(world->contexts(), 0U);
  EXPECT_EQ(world->handles(), 0U);
}

}  // namespace
}  // namespace tests
