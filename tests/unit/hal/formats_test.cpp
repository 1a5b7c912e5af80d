// Reads the worked examples out of hal/FORMATS.md and checks them.
#include <gtest/gtest.h>

#include <sstream>

#include "hal/base/base32.h"
#include "hal/base/crc32.h"
#include "hal/base/file.h"
#include "hal/base/rfc3339.h"
#include "hal/base/shamir.h"
#include "hal/fat_format.h"
#include "hal/key_file.h"
#include "tests/unit/hal/images.h"

namespace tests {
namespace {

// The text of the block that begins with "```text example=NAME".
std::string example(const std::string& name) {
  const auto document = base::readSmallFile(KEYDISK_SOURCE_DIR "/hal/FORMATS.md", 1U << 20U);
  if (!document) return document.error().what;
  const std::string opening = "```text example=" + name + "\n";
  const std::size_t at = document->find(opening);
  if (at == std::string::npos) return "FORMATS.md has no example " + name;
  const std::size_t from = at + opening.size();
  return document->substr(from, document->find("```", from) - from);
}

// "name: value" lines of a block.
std::string field(const std::string& block, const std::string& name) {
  std::istringstream lines(block);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(name + ":")) return line.substr(line.find_first_not_of(' ', name.size() + 1));
  }
  return "no " + name;
}

base::Bytes fromHex(const std::string& text) {
  base::Bytes out;
  std::istringstream words(text);
  for (std::string word; words >> word;) out.push_back(static_cast<std::byte>(std::stoul(word, nullptr, 16)));
  return out;
}

TEST(Formats, TheKeyAndItsCharacters) {
  const std::string block = example("pwd");
  const auto bytes = fromHex(field(block, "key"));
  ASSERT_EQ(bytes.size(), base::MasterKey::kSize);
  const auto key = base::MasterKey::fromBytes(std::span(bytes).first<8>());
  EXPECT_EQ(hal::formatPwd(*key)->text(), field(block, "pwd"));
  std::istringstream values(field(block, "values"));
  for (const char digit : field(block, "pwd")) {
    unsigned value = 99;
    values >> value;
    EXPECT_EQ(base::base32Value(digit, base::Base32Mode::Strict), value);
  }
  const auto again = hal::parsePwd(field(block, "typed"));
  ASSERT_TRUE(again) << again.error().what;
  EXPECT_TRUE(base::equalConstantTime(again->bytes(), key->bytes()));
}

// Gives the bytes it was made with.
class ScriptedRng final : public base::Rng {
 public:
  explicit ScriptedRng(base::Bytes bytes) : bytes_(std::move(bytes)) {}
  void fill(std::span<std::byte> out) override {
    ASSERT_EQ(out.size(), bytes_.size());
    std::ranges::copy(bytes_, out.begin());
  }

 private:
  base::Bytes bytes_;
};

TEST(Formats, TheSharesOfAKey) {
  const std::string block = example("shares");
  const auto key = fromHex(field(block, "key"));
  ScriptedRng rng(fromHex(field(block, "random")));
  const auto threshold = static_cast<unsigned>(std::stoul(field(block, "needed")));
  const auto shares = base::splitSecret(key, threshold, 3, rng);
  ASSERT_TRUE(shares) << shares.error().what;
  std::string rest = block;
  for (unsigned number = 1; number <= 3; ++number) {
    const std::string name = "share " + std::to_string(number);
    rest = rest.substr(rest.find(name + ":"));
    const base::SecretBuffer& share = (*shares)[number - 1];
    EXPECT_EQ(base::toHex(share.bytes()), base::toHex(fromHex(field(rest, name))));
    const auto value = base::MasterKey::fromBytes(share.bytes().first<base::MasterKey::kSize>());
    EXPECT_EQ(hal::formatPwd(*value, static_cast<std::uint8_t>(number))->text(), field(rest, "written"));
  }
}

TEST(Formats, TheShareOnItsMedium) {
  const std::string block = example("share-file");
  const auto file = hal::parseKeyFile(base::asBytes(block));
  ASSERT_TRUE(file) << file.error().what;
  ASSERT_TRUE(file->identity) << "its crc or a field is wrong";
  EXPECT_EQ(file->share, (hal::KeyShare{2, 2}));
  const auto written = formatKeyFile(*file);
  ASSERT_TRUE(written);
  std::string unix(written->text());
  std::erase(unix, '\r');
  EXPECT_EQ(unix, block);
  const auto typed = hal::parseKeyFile(base::asBytes(example("typed-share")));
  ASSERT_TRUE(typed) << typed.error().what;
  EXPECT_EQ(typed->share, (hal::KeyShare{2, 0}));
  EXPECT_FALSE(typed->identity);
  EXPECT_TRUE(base::equalConstantTime(typed->key.bytes(), file->key.bytes()));
}

TEST(Formats, TheWeightsAndTheConstant) {
  const std::string block = example("weights");
  std::istringstream weights(field(block, "weights"));
  unsigned total = 0;
  unsigned expected = 1;
  for (int i = 0; i < 14; ++i) {
    expected = i == 13 ? 1 : expected * 2;
    if (expected >= 32) expected ^= 0x25U;
    unsigned weight = 0;
    weights >> weight;
    EXPECT_EQ(weight, expected) << i;
    total ^= weight;
  }
  EXPECT_EQ(std::to_string(total), field(block, "constant"));
}

TEST(Formats, TheHandTypedFile) {
  const auto file = hal::parseKeyFile(base::asBytes(example("typed")));
  ASSERT_TRUE(file) << file.error().what;
  EXPECT_FALSE(file->identity);
  EXPECT_EQ(base::toHex(file->key.bytes()), base::toHex(fromHex(field(example("pwd"), "key"))));
}

TEST(Formats, TheWholeFileIsWhatIsWritten) {
  const std::string block = example("key-file");
  const auto file = hal::parseKeyFile(base::asBytes(block));
  ASSERT_TRUE(file) << file.error().what;
  ASSERT_TRUE(file->identity) << "its crc or a field is wrong";
  const auto written = formatKeyFile(*file);
  ASSERT_TRUE(written);
  std::string unix(written->text());
  EXPECT_EQ(unix.size(), hal::kKeyFileSize);
  std::erase(unix, '\r');
  EXPECT_EQ(unix, block);
}

TEST(Formats, TheCrc) {
  const std::string lines = example("crc");
  char text[9];
  std::snprintf(text, sizeof text, "%08x", static_cast<unsigned>(base::crc32(base::asBytes(lines))));
  EXPECT_NE(example("key-file").find(std::string("crc=") + text + "\n"), std::string::npos) << text;
}

TEST(Formats, TheStartOfTheVolume) {
  const auto bytes = base::asBytes("key");
  const auto time = base::parseTime("2026-01-31T12:00:00Z");
  const auto head = hal::makeFatHead({hal::kFloppy1440, 0x4B455931, *time, hal::kKeyFileName, bytes});
  ASSERT_TRUE(head);
  const auto dump = [&](std::size_t at, std::size_t size) {
    std::string out;
    for (std::size_t i = 0; i < size; ++i) {
      if (i % 16 == 0) {
        char place[8];
        std::snprintf(place, sizeof place, "%05zx ", at + i);
        out += place;
      }
      out += " " + base::toHex(std::span(std::as_const(*head).bytes()).subspan(at + i, 1));
      if (i % 16 == 15) out += "\n";
    }
    return out;
  };
  EXPECT_EQ(dump(0, 80) + dump(496, 32) + dump(0x2600, 64) + dump(0x4200, 16), example("volume"));
}

}  // namespace
}  // namespace tests
