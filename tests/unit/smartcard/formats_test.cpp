// The worked examples of the key card in hal/FORMATS.md.

#include "drivers/smartcard/application.h"
#include "hal/key_file.h"
#include "tests/unit/smartcard/card_bench.h"

namespace tests {
namespace {

using namespace drivers::smartcard;

std::string example(const std::string& name) {
  const auto document = base::readSmallFile(KEYDISK_SOURCE_DIR "/hal/FORMATS.md", 1U << 20U);
  if (!document) return document.error().what;
  const std::string opening = "```text example=" + name + "\n";
  const std::size_t at = document->find(opening);
  if (at == std::string::npos) return "FORMATS.md has no example " + name;
  const std::size_t from = at + opening.size();
  return document->substr(from, document->find("```", from) - from);
}

std::string withCrlf(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '\n' ? std::string("\r\n") : std::string(1, c);
  return out;
}

// A card and all that is said to it.
class Recorded final : public ApduLink {
 public:
  explicit Recorded(VirtualCard& card) : card_(card), atr_(card.atr()) {}
  base::Result<std::size_t> transmit(BytesView command, std::span<std::byte> reply) override {
    for (const std::byte b : command) said += base::toHex({&b, 1}) + " ";
    said.back() = '\n';
    const Bytes answer = card_.transmit(command);
    std::ranges::copy(answer, reply.begin());
    return answer.size();
  }
  bool t0() const noexcept override { return false; }
  BytesView atr() const noexcept override { return atr_; }
  std::string said;

 private:
  VirtualCard& card_;
  const Bytes atr_;
};

TEST(CardFormats, TheTextIsTheKeyFileWithoutItsPadding) {
  const auto packed = cardText(base::asBytes(withCrlf(example("key-file"))));
  ASSERT_TRUE(packed) << packed.error().what;
  EXPECT_EQ(packed->text(), withCrlf(example("card-text")));
  EXPECT_EQ(openLines(packed->bytes()), withCrlf(example("card-open")));
  EXPECT_TRUE(hal::parseKeyFile(packed->bytes())->identity);
}

// Every field at its longest still fits.
TEST(CardFormats, TheLongestKeyFileFits) {
  std::string text = example("key-file");
  text.replace(text.find("label=") + 6, std::string("Safe, top drawer").size(), hal::kMaxLabel, 'x');
  const auto packed = cardText(base::asBytes(withCrlf(text)));
  ASSERT_TRUE(packed) << packed.error().what;
  EXPECT_LE(packed->size(), kMostCardText);
}

TEST(CardFormats, TheLongestShareFits) {
  const auto id = *base::Uuid::parse("0f1e2d3c-4b5a-4978-8695-a4b3c2d1e0ff");
  std::array<std::byte, base::MasterKey::kSize> value;
  value.fill(std::byte{0xA5});
  const hal::KeyFile file{*base::MasterKey::fromBytes(value),
                          hal::MediumIdentity{id, id, std::string(hal::kMaxLabel, 'x'), base::Time{}},
                          false,
                          {},
                          hal::KeyShare{255, 255}};
  const auto text = hal::formatKeyFile(file);
  ASSERT_TRUE(text) << text.error().what;
  const auto packed = cardText(text->bytes());
  ASSERT_TRUE(packed) << packed.error().what;
  const auto back = hal::parseKeyFile(packed->bytes());
  ASSERT_TRUE(back) << back.error().what;
  EXPECT_TRUE(back->identity);
  ASSERT_TRUE(back->share);
  EXPECT_EQ(back->share->number, 255);
  EXPECT_EQ(back->share->threshold, 255);
}

TEST(CardFormats, AllThatIsSaidToAnOpenPgpCard) {
  OpenPgpCard card;
  card.open = bytesOf(withCrlf(example("card-open")));
  card.secret = bytesOf(withCrlf(example("card-text")));
  Recorded link(card);
  auto exchange = Exchange::create(link, base::Deadline::in(std::chrono::seconds(10)));
  ASSERT_TRUE(exchange);
  const auto shown = chooseApplication(*exchange, {}, hal::Access::Read);
  ASSERT_TRUE(shown) << shown.error().what;
  EXPECT_EQ(shown->card, "OpenPGP 000612345678");
  ASSERT_TRUE(verifyPin(*exchange, *shown, base::asBytes("123456")));
  const auto text = readKey(*exchange, *shown, {});
  ASSERT_TRUE(text) << text.error().what;
  EXPECT_EQ(text->text(), withCrlf(example("card-text")));
  EXPECT_EQ(link.said, example("card-read"));
}

}  // namespace
}  // namespace tests
