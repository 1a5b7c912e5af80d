#include "drivers/smartcard/target.h"

#include <gtest/gtest.h>

#include "drivers/smartcard/card_text.h"
#include "hal/key_file_pack.h"
#include "tests/unit/smartcard/card_bench.h"

namespace tests {
namespace {

using namespace drivers::smartcard;

TEST(TargetTest, ReadersAndOptions) {
  auto target = parseTarget("");
  ASSERT_TRUE(target);
  EXPECT_TRUE(target->reader.empty());
  target = parseTarget("Acme Reader 00 00?file=3F00/4B4D/4b01&pin=81&info=2F10&app=iso");
  ASSERT_TRUE(target) << target.error().what;
  EXPECT_EQ(target->reader, "Acme Reader 00 00");
  EXPECT_EQ(target->options, "?file=3F00/4B4D/4b01&pin=81&info=2F10&app=iso");
  EXPECT_EQ(target->file, (FilePath{0x4B4D, 0x4B01}));
  EXPECT_EQ(target->info, (FilePath{0x2F10}));
  EXPECT_EQ(target->pin, 0x81);
  EXPECT_EQ(target->only, Application::Iso);
}

TEST(TargetTest, WhatIsNoTargetIsRefused) {
  for (const std::string wrong :
       {"?file", "?file=", "?file=3F00", "?file=4B", "?file=4B4D/", "?file=XXXX", "?pin=81",
        "?file=4B01&pin=8", "?app=gpg", "?app=iso", "?app=piv&file=3F00/0001", "?file=4B01&app=openpgp",
        "?info=4B01", "?colour=red", "?file=0001/0002/0003/0004/0005/0006/0007/0008/0009", "a\nb", "\xC3"}) {
    const auto target = parseTarget(wrong);
    ASSERT_FALSE(target) << wrong;
    EXPECT_EQ(target.error().code, base::Code::Invalid);
  }
}

TEST(CardTextTest, PaddingAndCommentsStayBehind) {
  const std::string packed = packedText('A');
  std::string padded = "; a comment\r\n" + packed + "\r\n  # another\r\n; " + std::string(200, '.') + "\r\n";
  const auto text = cardText(base::asBytes(padded));
  ASSERT_TRUE(text) << text.error().what;
  EXPECT_EQ(text->text(), packed);
  const auto again = hal::packKeyFile(text->bytes());
  ASSERT_TRUE(again);
  EXPECT_EQ(again->text(), packed);
  const auto large = cardText(base::asBytes(packed + "next=" + std::string(100, 'x') + "\r\n"));
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().code, base::Code::Invalid);
}

TEST(CardTextTest, WhatAnObjectHolds) {
  EXPECT_EQ(contentOf({}), Content::Nothing);
  EXPECT_EQ(contentOf(Bytes(300, std::byte{0xFF})), Content::Nothing);
  EXPECT_EQ(contentOf(Bytes(300, std::byte{0})), Content::Nothing);
  EXPECT_EQ(contentOf(base::asBytes("\r\n ")), Content::Nothing);
  EXPECT_EQ(contentOf(base::asBytes("[config]\npwd=\n")), Content::Key);
  EXPECT_EQ(contentOf(base::asBytes("Dear reader")), Content::Other);
  EXPECT_EQ(contentOf(base::asBytes("pwd=1")), Content::Other);
  EXPECT_EQ(contentOf(Bytes(300, std::byte{0x80})), Content::Other);
}

TEST(CardTextTest, TheOwner) {
  EXPECT_EQ(openLines(base::asBytes(packedText('A'))), ownerLines());
  EXPECT_EQ(openLines(base::asBytes("[config]\npwd=1\n")), kNoOwner);
  const auto owner = ownerIn(base::asBytes(ownerLines()));
  ASSERT_TRUE(owner);
  EXPECT_EQ(owner->server.text(), kServer);
  EXPECT_EQ(owner->medium.text(), kMedium);
  EXPECT_TRUE(ownerIn(base::asBytes("[medium]\n" + ownerLines())));
  EXPECT_FALSE(ownerIn(base::asBytes(ownerLines() + ownerLines())));
  EXPECT_FALSE(ownerIn(base::asBytes(std::string("server=") + kServer)));
  EXPECT_FALSE(ownerIn(Bytes(5000, std::byte{'a'})));
}

}  // namespace
}  // namespace tests
