#include "drivers/smartcard/apdu.h"

#include <gtest/gtest.h>

#include <deque>
#include <functional>

#include "drivers/smartcard/atr.h"
#include "drivers/smartcard/exchange.h"
#include "drivers/smartcard/tlv.h"
#include "tests/virtual/cards/iso_card.h"

namespace tests {
namespace {

using namespace drivers::smartcard;
using base::Code;

std::string hexOf(const Command& command, Encoding how = {}) {
  const auto apdu = encode(command, how);
  return apdu ? base::toHex(apdu->bytes()) : apdu.error().what;
}

TEST(ApduTest, AllCasesOfShortAndExtendedCommands) {
  const Bytes two = bigEndian(0xABCD, 2);
  EXPECT_EQ(hexOf({0, 0x20, 0, 0x80, {}, 0}), "00200080");
  EXPECT_EQ(hexOf({0, 0x20, 0, 0x80, {}, 0}, {true, false}), "0020008000");
  EXPECT_EQ(hexOf({0, 0xCA, 1, 3, {}, 256}), "00ca010300");
  EXPECT_EQ(hexOf({0, 0xB0, 0, 0, {}, 16}), "00b0000010");
  EXPECT_EQ(hexOf({0, 0xDA, 1, 3, two, 0}), "00da010302abcd");
  EXPECT_EQ(hexOf({0, 0xA4, 4, 0, two, 256}), "00a4040002abcd00");
  EXPECT_EQ(hexOf({0, 0xA4, 4, 0, two, 256}, {true, false}), "00a4040002abcd");
  EXPECT_EQ(hexOf({0, 0xB0, 0, 0, {}, 65536}, {false, true}), "00b00000000000");
  EXPECT_EQ(hexOf({0, 0xB0, 0, 0, {}, 300}, {false, true}), "00b0000000012c");
  EXPECT_EQ(hexOf({0, 0xA4, 4, 0, two, 300}, {false, true}), "00a40400000002abcd012c");
  const Bytes large(256, std::byte{1});
  EXPECT_EQ(hexOf({0, 0xDA, 1, 3, large, 0}, {false, true}).substr(0, 14), "00da0103000100");
}

TEST(ApduTest, WhatAnEncodingCannotSayIsRefused) {
  const Bytes large(256, std::byte{1});
  const Bytes tooLarge(65536, std::byte{1});
  for (const auto& refused :
       {encode({0, 0, 0, 0, large, 0}, {}), encode({0, 0, 0, 0, large, 0}, {true, true}),
        encode({0, 0, 0, 0, {}, 257}, {}), encode({0, 0, 0, 0, {}, 65537}, {false, true}),
        encode({0, 0, 0, 0, tooLarge, 0}, {false, true})}) {
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::Invalid);
  }
}

TEST(ApduTest, ALongCommandIsChained) {
  Bytes data(600);
  for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<std::byte>(i & 0xFFU);
  const auto parts = chain({0, 0xDA, 1, 3, data, 256});
  ASSERT_EQ(parts.size(), 3U);
  Bytes joint;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    EXPECT_EQ(parts[i].cla, i < 2 ? 0x10 : 0x00);
    EXPECT_EQ(parts[i].expect, i < 2 ? 0U : 256U);
    joint.insert(joint.end(), parts[i].data.begin(), parts[i].data.end());
  }
  EXPECT_EQ(joint, data);
  EXPECT_EQ(chain({0, 0xCA, 0, 0, {}, 1}).size(), 1U);
}

TEST(ApduTest, RepliesNeedAStatusWord) {
  EXPECT_FALSE(parseReply({}));
  EXPECT_FALSE(parseReply(bigEndian(0x90, 1)));
  const Bytes reply = bigEndian(0xAA9000, 3);
  ASSERT_TRUE(parseReply(reply));
  EXPECT_EQ(parseReply(reply)->sw, 0x9000);
  EXPECT_EQ(parseReply(reply)->data.size(), 1U);
}

TEST(TlvTest, ReadsWhatItWrites) {
  for (const std::size_t size : {0U, 1U, 127U, 128U, 255U, 256U, 65535U}) {
    for (const std::uint32_t tag : {0x53U, 0x5F52U, 0x5FC109U % 0x10000U + 0x5F0000U}) {
      const Bytes bytes = makeTlv(tag, Bytes(size, std::byte{7}));
      BytesView rest = bytes;
      const auto object = takeTlv(rest);
      ASSERT_TRUE(object) << tag << " " << size;
      EXPECT_EQ(object->tag, tag);
      EXPECT_EQ(object->value.size(), size);
      EXPECT_TRUE(rest.empty());
    }
  }
}

TEST(TlvTest, LiesAreNoObjects) {
  for (const char* hex :
       {"53", "5305aabb", "5f", "5f8181", "5fc1c1c10100", "5380aa0000", "538401000000", "5383ffffff00"}) {
    Bytes bytes;
    for (std::size_t i = 0; hex[i] != 0; i += 2)
      bytes.push_back(static_cast<std::byte>(std::stoul(std::string(hex + i, 2), nullptr, 16)));
    BytesView rest = bytes;
    EXPECT_FALSE(takeTlv(rest)) << hex;
    EXPECT_FALSE(findTlv(bytes, 0x99)) << hex;
  }
}

TEST(TlvTest, FindsThroughLevelsAndFilling) {
  const Bytes inner =
      joined({Bytes(3, std::byte{0xFF}), tlv(0xC0, bigEndian(1, 1)), tlv(0xC4, bigEndian(0x0203, 2))});
  const Bytes all = tlv(0x6E, joined({tlv(0x4F, bigEndian(9, 1)), tlv(0x73, inner)}));
  const auto found = findTlv(all, {0x6E, 0x73, 0xC4});
  ASSERT_TRUE(found);
  EXPECT_EQ(base::toHex(*found), "0203");
  EXPECT_FALSE(findTlv(all, {0x6E, 0x74, 0xC4}));
}

TEST(AtrTest, HistoricalBytesAndWhatTheyClaim) {
  // A YubiKey's, and an OpenPGP card's.
  const Bytes yubikey = joined(
      {bigEndian(0x3BFD1300008131FE, 8), bigEndian(0x158073C021C05759, 8), bigEndian(0x7562694B657940, 7)});
  EXPECT_EQ(base::toHex(historicalBytes(yubikey)), "8073c021c057597562694b6579");
  EXPECT_TRUE(cardCapabilities(historicalBytes(yubikey)).chaining);
  EXPECT_TRUE(cardCapabilities(historicalBytes(yubikey)).extended);
  EXPECT_FALSE(cardCapabilities(bigEndian(0x007300008005, 6)).extended);
  for (std::size_t size = 0; size < 10; ++size)  // cut short, it tells nothing
    EXPECT_TRUE(historicalBytes(BytesView(yubikey).first(size)).empty()) << size;
  EXPECT_FALSE(cardCapabilities(bigEndian(0x0073, 2)).chaining);
}

// Answers from a list, then from the last of it for ever.
class ListLink final : public ApduLink {
 public:
  explicit ListLink(std::vector<Bytes> answers, bool t0 = false) : answers_(std::move(answers)), t0_(t0) {}
  base::Result<std::size_t> transmit(BytesView command, std::span<std::byte> reply) override {
    sent.push_back(base::toHex(command));
    const Bytes& answer = answers_[std::min(sent.size(), answers_.size()) - 1];
    std::ranges::copy(answer, reply.begin());
    return answer.size();
  }
  bool t0() const noexcept override { return t0_; }
  BytesView atr() const noexcept override { return {}; }
  std::vector<std::string> sent;

 private:
  std::vector<Bytes> answers_;
  bool t0_;
};

base::Result<Reply> runOver(ListLink& link, const Command& command) {
  auto card = Exchange::create(link, base::Deadline::in(std::chrono::seconds(10)));
  if (!card) return std::move(card).error();
  return card->run(command);
}

TEST(ExchangeTest, FetchesWhatIsLeftAndMendsTheLength) {
  ListLink parts({bigEndian(0xAA6102, 3), bigEndian(0xBBCC9000, 4)});
  auto reply = runOver(parts, {0, 0xCA, 0, 0x6E, {}, 256});
  ASSERT_TRUE(reply) << reply.error().what;
  EXPECT_EQ(base::toHex(std::as_const(reply->data).bytes()), "aabbcc");
  EXPECT_EQ(parts.sent, (std::vector<std::string>{"00ca006e00", "00c0000002"}));

  ListLink wrong({bigEndian(0x6C01, 2), bigEndian(0xAA9000, 3)}, true);
  reply = runOver(wrong, {0, 0xCA, 0, 0x6E, {}, 256});
  ASSERT_TRUE(reply) << reply.error().what;
  EXPECT_EQ(wrong.sent, (std::vector<std::string>{"00ca006e00", "00ca006e01"}));
}

TEST(ExchangeTest, EndlessAnswersEnd) {
  const std::vector<std::vector<Bytes>> lies = {
      {bigEndian(0x6101, 2)},                                      // more, and nothing comes
      {joined({Bytes(256, std::byte{1}), bigEndian(0x6100, 2)})},  // more than 64 KiB
      {bigEndian(0x6C10, 2)},                                      // never the right length
      {bigEndian(0x90, 1)},                                        // no status word
      {Bytes()}};
  for (const auto& lie : lies) {
    ListLink link(lie);
    const auto reply = runOver(link, {0, 0xCA, 0, 0x6E, {}, 256});
    ASSERT_FALSE(reply) << base::toHex(lie[0]);
    EXPECT_EQ(reply.error().code, Code::Corrupt);
    EXPECT_LE(link.sent.size(), Exchange::kMostParts);
  }
}

TEST(ExchangeTest, WhatMustNotBeRepeatedIsNot) {
  for (const unsigned sw : {0x6C01U, 0x6101U, 0x6300U}) {
    ListLink link({bigEndian(sw, 2)});
    auto card = Exchange::create(link, base::Deadline::in(std::chrono::seconds(10)));
    ASSERT_TRUE(card);
    const auto status = card->once({0, 0x20, 0, 0x82, {}, 0});
    ASSERT_TRUE(status);
    EXPECT_EQ(*status, sw);
    EXPECT_EQ(link.sent.size(), 1U);
  }
}

TEST(ExchangeTest, ALongCommandGoesChainedOrExtended) {
  const Bytes data(300, std::byte{5});
  for (const bool extended : {false, true}) {
    ListLink link({bigEndian(0x9000, 2)});
    auto card = Exchange::create(link, base::Deadline::in(std::chrono::seconds(10)));
    ASSERT_TRUE(card);
    card->allowExtended(extended);
    ASSERT_TRUE(card->run({0, 0xDA, 1, 3, data, 0}));
    EXPECT_EQ(link.sent.size(), extended ? 1U : 2U);
    EXPECT_EQ(link.sent[0].substr(0, 4), extended ? "00da" : "10da");
  }
}

TEST(ExchangeTest, NothingIsSentBehindTheDeadline) {
  ListLink link({bigEndian(0x9000, 2)});
  auto card = Exchange::create(link, base::Deadline::in(std::chrono::milliseconds(0)));
  ASSERT_TRUE(card);
  const auto status = card->once({0, 0x20, 0, 0x82, {}, 0});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::Timeout);
  EXPECT_TRUE(link.sent.empty());
}

}  // namespace
}  // namespace tests
