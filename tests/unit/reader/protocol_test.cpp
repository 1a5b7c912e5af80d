#include "hal/reader_protocol.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <random>
#include <sstream>

namespace {

using namespace hal;          // NOLINT(google-build-using-namespace)
using namespace hal::reader;  // NOLINT(google-build-using-namespace)
using base::BytesView;
using base::Code;
using base::Error;
using base::Reason;
using base::SecretBuffer;

BytesView bodyOf(const SecretBuffer& frame) { return std::as_const(frame).bytes().subspan(kHeaderSize); }

SecretBuffer secret(std::string_view text) { return *SecretBuffer::copyOf(base::asBytes(text)); }

std::vector<Slot> someSlots() {
  Slot full{{"floppy", "A:"}, true, true, "stamp-7", std::nullopt};
  Slot failed{{"image", "/srv/keys/ä.img"}, false, false, "", std::nullopt};
  failed.error = Error{Code::Denied, "no permission", Reason::MediumNotPermitted};
  return {full, failed};
}

TEST(ReaderProtocol, CarriesEveryRequest) {
  const auto open = encode(1, Open{kVersion, true, {"floppy:A:", "image:/srv"}});
  ASSERT_TRUE(open);
  const auto header = parseHeader(std::as_const(*open).bytes().first(kHeaderSize));
  ASSERT_TRUE(header);
  EXPECT_EQ(header->type, Type::Open);
  EXPECT_EQ(header->request, 1U);
  EXPECT_EQ(header->body, open->size() - kHeaderSize);
  const auto opened = parseOpen(bodyOf(*open));
  ASSERT_TRUE(opened);
  EXPECT_TRUE(opened->writable);
  EXPECT_EQ(opened->uris, (std::vector<std::string>{"floppy:A:", "image:/srv"}));

  const auto scan = parseScan(bodyOf(*encode(2, Scan{std::chrono::milliseconds(1500)})));
  ASSERT_TRUE(scan);
  EXPECT_EQ(scan->timeout.count(), 1500);

  const auto read = parseRead(bodyOf(*encode(3, Read{{"floppy", "A:"}, std::chrono::milliseconds(9)})));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->id.uri(), "floppy:A:");

  const Write write{{"image", "/k"}, Overwrite::Files, std::chrono::milliseconds(1), secret("pwd=X")};
  const auto written = parseWrite(bodyOf(*encode(4, write)));
  ASSERT_TRUE(written);
  EXPECT_EQ(written->consent, Overwrite::Files);
  EXPECT_EQ(written->text.text(), "pwd=X");

  const auto answer = parseAnswer(bodyOf(*encode(5, Answer{7, true, secret("123456")})));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->question, 7U);
  EXPECT_TRUE(answer->granted);
  EXPECT_EQ(answer->secret.text(), "123456");
}

TEST(ReaderProtocol, CarriesWhatIsNotedOnMedia) {
  for (const auto& [writable, epoch, right] :
       {std::tuple(false, false, 0), {true, false, 1}, {false, true, 2}}) {
    const auto frame = encode(0, Open{kVersion, writable, {"floppy:A:"}, epoch});
    ASSERT_TRUE(frame);
    EXPECT_EQ(bodyOf(*frame)[2], static_cast<std::byte>(right));
    const auto open = parseOpen(bodyOf(*frame));
    ASSERT_TRUE(open);
    EXPECT_EQ(open->writable, writable);
    EXPECT_EQ(open->epoch, epoch);
    base::Bytes bad(bodyOf(*frame).begin(), bodyOf(*frame).end());
    bad[2] = std::byte{3};
    EXPECT_FALSE(parseOpen(bad));
  }
  const auto read =
      parseReadEpoch(bodyOf(*encode(6, ReadEpoch{{"image", "/k"}, std::chrono::milliseconds(9)})));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->id.uri(), "image:/k");
  base::Bytes sector(512, std::byte{7});
  const auto write = parseWriteEpoch(
      bodyOf(*encode(7, WriteEpoch{{"image", "/k"}, std::chrono::milliseconds(9), 1, sector})));
  ASSERT_TRUE(write);
  EXPECT_EQ(write->which, 1U);
  EXPECT_EQ(write->sector, sector);
  EXPECT_EQ(encode(7, WriteEpoch{{"image", "/k"}, {}, 2, sector}).error().code, Code::Invalid);
  sector.pop_back();
  EXPECT_EQ(encode(7, WriteEpoch{{"image", "/k"}, {}, 1, sector}).error().code, Code::Invalid);
  EXPECT_EQ(encodeEpoch(7, sector).error().code, Code::Invalid);
}

TEST(ReaderProtocol, RefusesATimeoutAboveItsBound) {
  const auto bytes = [](std::string_view start, std::uint32_t span, std::string_view end = {}) {
    base::ByteWriter out;
    out.raw(base::asBytes(start));
    out.u32(span);
    out.raw(base::asBytes(end));
    return std::move(out).take();
  };
  using namespace std::string_view_literals;
  constexpr auto kId = "\5\0\0\0image\2\0\0\0/k"sv;
  const std::string write = std::string(kId) + '\0';
  constexpr std::uint32_t kMost = 600'000;
  EXPECT_TRUE(parseScan(bytes("", kMost)));
  EXPECT_FALSE(parseScan(bytes("", kMost + 1)));
  EXPECT_TRUE(parseRead(bytes(kId, kMost)));
  EXPECT_FALSE(parseRead(bytes(kId, kMost + 1)));
  EXPECT_TRUE(parseWrite(bytes(write, kMost, "\0\0\0\0"sv)));
  EXPECT_FALSE(parseWrite(bytes(write, 0xFFFFFFFF, "\0\0\0\0"sv)));
}

TEST(ReaderProtocol, CarriesEveryReply) {
  const Ready ready{kVersion,
                    {{"floppy", "a diskette", "floppy:A:", 3, "A:"}, {"image", "a file", "image:F", 1, {}}}};
  const auto drivers = parseReady(bodyOf(*encode(0, ready)));
  ASSERT_TRUE(drivers);
  ASSERT_EQ(drivers->drivers.size(), 2U);
  EXPECT_EQ(drivers->drivers[0].usual, "A:");
  EXPECT_FALSE(drivers->drivers[1].usual);
  EXPECT_TRUE(drivers->drivers[0].can(Cap::Create));

  const auto slots = parseSlots(bodyOf(*encode(0, someSlots())));
  ASSERT_TRUE(slots);
  ASSERT_EQ(slots->size(), 2U);
  EXPECT_TRUE((*slots)[0].present);
  EXPECT_EQ((*slots)[0].stamp, "stamp-7");
  EXPECT_EQ((*slots)[1].id.slot, "/srv/keys/ä.img");
  EXPECT_EQ((*slots)[1].error->reason, Reason::MediumNotPermitted);

  const auto text = parseKeyText(bodyOf(*encodeKeyText(9, base::asBytes("[config]"))));
  ASSERT_TRUE(text);
  EXPECT_EQ(text->text(), "[config]");

  const auto question = parseQuestion(bodyOf(*encode(9, Question{2, QuestionKind::Confirm, "Sure?", {}})));
  ASSERT_TRUE(question);
  EXPECT_EQ(question->text, "Sure?");

  const PinQuestion card{"OpenPGP", "openpgp:0005", base::Uuid::generate(base::systemRng()), std::nullopt, 2};
  const auto pin = parseQuestion(bodyOf(*encode(9, Question{3, QuestionKind::Pin, {}, card})));
  ASSERT_TRUE(pin);
  EXPECT_EQ(pin->pin.application, "OpenPGP");
  EXPECT_EQ(pin->pin.card, "openpgp:0005");
  EXPECT_EQ(pin->pin.server, card.server);
  EXPECT_FALSE(pin->pin.medium);
  EXPECT_EQ(pin->pin.triesLeft, 2U);

  const Error failure =
      parseFailure(bodyOf(*encodeFailure(9, Type::Failed, {Code::Corrupt, "disk damaged", Reason::Damaged})));
  EXPECT_EQ(failure.code, Code::Corrupt);
  EXPECT_EQ(failure.reason, Reason::Damaged);
  EXPECT_EQ(failure.what, "disk damaged");
}

TEST(ReaderProtocol, BelievesNoErrorBeyondItsRanges) {
  base::ByteWriter out;
  out.u8(200);
  out.u8(std::uint8_t(Reason::DatabaseCorrupt));
  out.field(
      std::string_view("line\nbreak\x1b[31m \xff"
                       "end"));
  const Error error = parseFailure(out.bytes());
  EXPECT_EQ(error.code, Code::Internal);
  EXPECT_EQ(error.reason, Reason::None);
  EXPECT_EQ(error.what, "line?break?[31m ?end");
}

TEST(ReaderProtocol, CleansTextWithinItsBound) {
  EXPECT_EQ(cleanText("Größe", 100), "Größe");
  EXPECT_EQ(cleanText("Größe", 3), "Gr");  // no half characters
  EXPECT_EQ(cleanText("\xe2\x82", 10), "??");
  EXPECT_EQ(cleanText(std::string(1000, 'a'), 600).size(), 600U);
  EXPECT_EQ(cleanText(std::string("a\0b", 3), 10), "a?b");
  EXPECT_EQ(cleanText("\xc2\x85", 10), "??");  // NEL, a C1 control
}

TEST(ReaderProtocol, RefusesBadHeaders) {
  const auto header = [](std::uint32_t length, std::uint8_t type) {
    base::ByteWriter out;
    out.u32(length);
    out.u8(type);
    out.u32(0);
    return parseHeader(out.bytes());
  };
  EXPECT_TRUE(header(5, 2));
  EXPECT_TRUE(header(kMaxFrame - 4, 18));
  EXPECT_FALSE(header(4, 2));
  EXPECT_FALSE(header(kMaxFrame - 3, 18));
  EXPECT_FALSE(header(0xffffffff, 18));
  EXPECT_TRUE(header(5, 6));
  EXPECT_TRUE(header(5, 8));
  EXPECT_TRUE(header(5, 24));
  for (const int type : {0, 9, 15, 25, 255}) EXPECT_FALSE(header(5, static_cast<std::uint8_t>(type))) << type;
  EXPECT_FALSE(parseHeader({}));
}

TEST(ReaderProtocol, PingAndPongCarryNothing) {
  EXPECT_EQ(base::toHex(encodePing()->bytes()), "050000000600000000");
  EXPECT_EQ(base::toHex(encodePong()->bytes()), "050000001700000000");
  EXPECT_TRUE(parsePulse({Type::Pong, 0, {}}));
  EXPECT_FALSE(parsePulse({Type::Pong, 1, {}}));
  EXPECT_FALSE(parsePulse({Type::Ping, 0, secret("x")}));
}

TEST(ReaderProtocol, RefusesSlotNamesThatCannotBeShown) {
  auto slots = someSlots();
  slots[0].id.slot = "A:\nopened";
  EXPECT_FALSE(parseSlots(bodyOf(*encode(0, slots))));
  slots[0].id.slot = "\xff";
  EXPECT_FALSE(parseSlots(bodyOf(*encode(0, slots))));
}

TEST(ReaderProtocol, RefusesToEncodeWhatIsTooLong) {
  EXPECT_EQ(encode(1, Open{kVersion, false, {std::string(kMaxUri + 1, 'a')}}).error().code, Code::Invalid);
  EXPECT_EQ(encode(1, Open{kVersion, false, std::vector<std::string>(kMaxUris + 1)}).error().code,
            Code::Invalid);
  EXPECT_EQ(encodeKeyText(1, std::vector<std::byte>(4097)).error().code, Code::Invalid);
  EXPECT_EQ(encode(0, std::vector<Slot>(kMaxSlots + 1)).error().code, Code::Invalid);
  Slot longNamed = someSlots()[0];
  longNamed.id.slot = std::string(4000, 'x');
  EXPECT_EQ(encode(0, std::vector<Slot>(20, longNamed)).error().code, Code::Invalid);  // over 64 KiB
}

// The frames of SurvivesMutations, by their places there.
bool parse(std::size_t which, BytesView body) {
  switch (which) {
    case 0:
      return bool(parseOpen(body));
    case 1:
      return bool(parseRead(body));
    case 2:
      return bool(parseWrite(body));
    case 3:
      return bool(parseAnswer(body));
    case 4:
      return bool(parseReady(body));
    case 5: {
      const auto slots = parseSlots(body);
      if (slots) {
        for (const Slot& slot : *slots) EXPECT_EQ(cleanText(slot.id.slot, kMaxUri), slot.id.slot);
      }
      return bool(slots);
    }
    case 6:
      return bool(parseKeyText(body));
    case 7:
      return bool(parseQuestion(body));
    case 8:
      return bool(parseReadEpoch(body));
    case 9:
      return bool(parseWriteEpoch(body));
    default:
      return bool(parseEpoch(body));
  }
}

// Every body: each truncation and each extension is refused; random damage is refused or gives sound values.
TEST(ReaderProtocol, SurvivesMutations) {
  const Write write{{"image", "/k"}, Overwrite::Files, std::chrono::milliseconds(1), secret("pwd=X")};
  std::vector<SecretBuffer> frames;
  frames.push_back(*encode(1, Open{kVersion, true, {"floppy:A:", "image:/srv"}}));
  frames.push_back(*encode(2, Read{{"floppy", "A:"}, std::chrono::milliseconds(9)}));
  frames.push_back(*encode(3, write));
  frames.push_back(*encode(4, Answer{7, true, secret("123456")}));
  frames.push_back(*encode(0, Ready{kVersion, {{"floppy", "a diskette", "floppy:A:", 3, "A:"}}}));
  frames.push_back(*encode(0, someSlots()));
  frames.push_back(*encodeKeyText(9, base::asBytes("[config]")));
  frames.push_back(*encode(9, Question{2, QuestionKind::Pin, {}, {"PIV", "1", {}, {}, 3}}));
  frames.push_back(*encode(2, ReadEpoch{{"floppy", "A:"}, std::chrono::milliseconds(9)}));
  frames.push_back(
      *encode(2, WriteEpoch{{"floppy", "A:"}, std::chrono::milliseconds(9), 1, base::Bytes(512)}));
  frames.push_back(*encodeEpoch(2, base::Bytes(1024)));
  std::mt19937 noisy(20240229);
  for (std::size_t which = 0; which < frames.size(); ++which) {
    const BytesView whole = bodyOf(frames[which]);
    EXPECT_TRUE(parse(which, whole)) << which;
    for (std::size_t size = 0; size < whole.size(); ++size)
      EXPECT_FALSE(parse(which, whole.first(size))) << which;
    base::Bytes longer(whole.begin(), whole.end());
    longer.push_back({});
    EXPECT_FALSE(parse(which, longer)) << which;
    for (int round = 0; round < 3000; ++round) {
      base::Bytes bad(whole.begin(), whole.end());
      for (int i = 0; i < 1 + round % 4; ++i) bad[noisy() % bad.size()] = static_cast<std::byte>(noisy());
      parse(which, bad);
    }
  }
}

// hal/FORMATS.md shows this exchange; it must be what is sent.
TEST(ReaderProtocol, TheDocumentsExampleIsTrue) {
  std::ifstream file(KEYDISK_SOURCE_DIR "/hal/FORMATS.md");
  ASSERT_TRUE(file);
  std::stringstream text;
  text << file.rdbuf();
  const auto shown = [&](const SecretBuffer& frame) {
    std::string hex;
    for (const std::byte b : std::as_const(frame).bytes()) {
      if (!hex.empty()) hex += ' ';
      hex += base::toHex({&b, 1});
    }
    return text.str().find(hex) != std::string::npos ? std::string("shown") : hex;
  };
  EXPECT_EQ(shown(*encode(0, Open{kVersion, false, {"floppy:A:"}})), "shown");
  EXPECT_EQ(shown(*encode(0, std::vector<Slot>{{{"floppy", "A:"}, true, false, "3", std::nullopt}})),
            "shown");
  EXPECT_EQ(shown(*encodePing()), "shown");
  EXPECT_EQ(shown(*encodePong()), "shown");
  EXPECT_EQ(shown(*encode(1, Read{{"floppy", "A:"}, std::chrono::milliseconds(10'000)})), "shown");
  EXPECT_EQ(shown(*encodeFailure(1, Type::Failed, {Code::Corrupt, "disk damaged", Reason::Damaged})),
            "shown");
}

}  // namespace
