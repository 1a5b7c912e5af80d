#include "hal/reader_protocol.h"

#include <algorithm>

#include "hal/base/utf8.h"
#include "hal/epoch_file.h"
#include "hal/key_file.h"

namespace hal::reader {
namespace {

using base::ByteReader;
using base::BytesView;
using base::Code;
using base::Error;
using base::Reason;
using base::Result;
using base::SecretBuffer;

Error rubbish(const char* what) { return Error{Code::Corrupt, std::string("reader protocol: ") + what}; }

bool fits(const MediumId& id) { return id.driver.size() + 1 + id.slot.size() <= kMaxUri; }

MediumId getId(ByteReader& in) {
  MediumId id;
  id.driver = in.text(kMaxUri);
  id.slot = in.text(kMaxUri);
  return id;
}
std::chrono::milliseconds getSpan(ByteReader& in, bool& ok) {
  const std::chrono::milliseconds span(in.u32());
  if (span > kMostTimeout) ok = false;
  return span;
}

// The reasons that a reader of media can have; all else is for kmsd to say.
bool ofMedia(Reason reason) {
  switch (reason) {
    case Reason::AwaitingMedium:
    case Reason::Damaged:
    case Reason::Blank:
    case Reason::Unformatted:
    case Reason::NotFat:
    case Reason::PinNeeded:
    case Reason::PinWrong:
    case Reason::PinBlocked:
    case Reason::MediumBusy:
    case Reason::MediumReadOnly:
    case Reason::MediumTooSmall:
    case Reason::MediumNotPermitted:
    case Reason::MediumHoldsFiles:
    case Reason::MediumHoldsKey:
      return true;
    default:
      return false;
  }
}

Error getError(ByteReader& in) {
  const auto code = in.u8();
  const auto reason = static_cast<Reason>(in.u8());
  Error error;
  error.code = code <= std::uint8_t(Code::Internal) ? static_cast<Code>(code) : Code::Internal;
  error.reason = ofMedia(reason) ? reason : Reason::None;
  error.what = cleanText(base::asText(in.field(kMaxSentence)), kMaxSentence);
  if (error.what.empty()) error.what = "kmsd-media failed without saying why";
  return error;
}

bool getBool(ByteReader& in, bool& ok) {
  const auto value = in.u8();
  if (value > 1) ok = false;
  return value == 1;
}

std::optional<base::Uuid> getUuid(ByteReader& in, bool& ok) {
  if (!getBool(in, ok)) return std::nullopt;
  return base::Uuid::fromBytes(in.raw(base::Uuid::kSize));
}

PinQuestion getPin(ByteReader& in, bool& ok) {
  PinQuestion question;
  question.application = cleanText(base::asText(in.field(kMaxCard)), kMaxCard);
  question.card = cleanText(base::asText(in.field(kMaxCard)), kMaxCard);
  question.server = getUuid(in, ok);
  question.medium = getUuid(in, ok);
  if (getBool(in, ok)) question.triesLeft = in.u8();
  return question;
}

Result<Slot> getSlot(ByteReader& in) {
  bool ok = true;
  Slot slot;
  slot.id = getId(in);
  slot.present = getBool(in, ok);
  slot.writeProtected = getBool(in, ok);
  slot.stamp = in.text(kMaxStamp);
  if (getBool(in, ok)) slot.error = getError(in);
  if (!ok || !in.ok() || slot.id.driver.empty() || !fits(slot.id) || !showable(slot.id.driver) ||
      !showable(slot.id.slot))
    return rubbish("a bad slot");
  return slot;
}

}  // namespace

Result<Header> parseHeader(BytesView header) {
  if (header.size() != kHeaderSize) return rubbish("a short header");
  const std::size_t length = base::loadLe32(header);
  const auto type = static_cast<Type>(header[4]);
  if (length < kHeaderSize - 4 || length > kMaxFrame - 4) return rubbish("a frame of bad length");
  const bool down = type >= Type::Open && type <= Type::WriteEpoch;
  const bool up = type >= Type::Ready && type <= Type::Epoch;
  if (!down && !up) return rubbish("a frame of unknown type");
  return Header{type, base::loadLe32(header.subspan(5)), length - (kHeaderSize - 4)};
}

Result<Open> parseOpen(BytesView body) {
  ByteReader in(body);
  Open message;
  message.version = in.u16();
  const auto right = in.u8();
  const bool ok = right <= 2;
  message.writable = right == 1;
  message.epoch = right == 2;
  const std::size_t count = in.u16();
  if (count > kMaxUris) return rubbish("too many media");
  for (std::size_t i = 0; i < count && in.ok(); ++i) message.uris.push_back(in.text(kMaxUri));
  if (!ok || !in.atEnd()) return rubbish("a bad Open");
  return message;
}

Result<Scan> parseScan(BytesView body) {
  ByteReader in(body);
  bool ok = true;
  const Scan message{getSpan(in, ok)};
  if (!ok || !in.atEnd()) return rubbish("a bad Scan");
  return message;
}

Result<Read> parseRead(BytesView body) {
  ByteReader in(body);
  Read message;
  bool ok = true;
  message.id = getId(in);
  message.timeout = getSpan(in, ok);
  if (!ok || !in.atEnd() || !fits(message.id)) return rubbish("a bad Read");
  return message;
}

Result<Write> parseWrite(BytesView body) {
  ByteReader in(body);
  Write message;
  message.id = getId(in);
  const auto consent = in.u8();
  bool ok = true;
  message.timeout = getSpan(in, ok);
  const BytesView text = in.field(kMaxKeyFile);
  if (!ok || !in.atEnd() || !fits(message.id) || consent > std::uint8_t(Overwrite::Key))
    return rubbish("a bad Write");
  message.consent = static_cast<Overwrite>(consent);
  auto copy = SecretBuffer::copyOf(text);
  if (!copy) return std::move(copy).error();
  message.text = *std::move(copy);
  return message;
}

Result<ReadEpoch> parseReadEpoch(BytesView body) {
  auto read = parseRead(body);
  if (!read) return rubbish("a bad ReadEpoch");
  return ReadEpoch{std::move(read->id), read->timeout};
}

Result<WriteEpoch> parseWriteEpoch(BytesView body) {
  ByteReader in(body);
  WriteEpoch message;
  bool ok = true;
  message.id = getId(in);
  message.timeout = getSpan(in, ok);
  message.which = in.u8();
  const BytesView sector = in.raw(kEpochSector);
  if (!ok || !in.atEnd() || !fits(message.id) || message.which >= kEpochSectors)
    return rubbish("a bad WriteEpoch");
  message.sector.assign(sector.begin(), sector.end());
  return message;
}

Result<base::Bytes> parseEpoch(BytesView body) {
  if (body.size() != kEpochFileSize) return rubbish("a bad Epoch");
  return base::Bytes(body.begin(), body.end());
}

Result<Answer> parseAnswer(BytesView body) {
  ByteReader in(body);
  bool ok = true;
  Answer message;
  message.question = in.u32();
  message.granted = getBool(in, ok);
  const BytesView secret = in.field(kMaxPin);
  if (!ok || !in.atEnd()) return rubbish("a bad Answer");
  auto copy = SecretBuffer::copyOf(secret);
  if (!copy) return std::move(copy).error();
  message.secret = *std::move(copy);
  return message;
}

Result<Ready> parseReady(BytesView body) {
  constexpr std::size_t kMostDrivers = 64;
  ByteReader in(body);
  bool ok = true;
  const auto clean = [&in] { return cleanText(base::asText(in.field(kMaxSentence)), kMaxSentence); };
  Ready message;
  message.version = in.u16();
  const std::size_t count = in.u16();
  if (count > kMostDrivers) return rubbish("too many drivers");
  for (std::size_t i = 0; i < count && in.ok(); ++i) {
    DriverDescription driver;
    driver.scheme = clean();
    driver.summary = clean();
    driver.forms = clean();
    driver.caps = in.u32();
    if (getBool(in, ok)) driver.usual = clean();
    message.drivers.push_back(std::move(driver));
  }
  if (!ok || !in.atEnd()) return rubbish("a bad Ready");
  return message;
}

Result<Question> parseQuestion(BytesView body) {
  ByteReader in(body);
  Question message;
  message.question = in.u32();
  const auto kind = in.u8();
  bool ok = kind >= std::uint8_t(QuestionKind::Pin) && kind <= std::uint8_t(QuestionKind::Confirm);
  if (kind == std::uint8_t(QuestionKind::Pin)) {
    message.pin = getPin(in, ok);
  } else {
    message.text = cleanText(base::asText(in.field(kMaxSentence)), kMaxSentence);
  }
  if (!ok || !in.atEnd()) return rubbish("a bad Question");
  message.kind = static_cast<QuestionKind>(kind);
  return message;
}

Result<std::vector<Slot>> parseSlots(BytesView body) {
  ByteReader in(body);
  const std::size_t count = in.u16();
  if (count > kMaxSlots) return rubbish("too many slots");
  std::vector<Slot> slots;
  for (std::size_t i = 0; i < count; ++i) {
    auto slot = getSlot(in);
    if (!slot) return std::move(slot).error();
    slots.push_back(*std::move(slot));
  }
  if (!in.atEnd()) return rubbish("a bad list of slots");
  return slots;
}

Result<SecretBuffer> parseKeyText(BytesView body) {
  ByteReader in(body);
  const BytesView text = in.field(kMaxKeyFile);
  if (!in.atEnd()) return rubbish("a bad KeyText");
  return SecretBuffer::copyOf(text);
}

Result<void> parsePulse(const Frame& frame) {
  if (frame.request != 0 || !frame.body.empty()) return rubbish("a bad Ping or Pong");
  return {};
}

Error parseFailure(BytesView body) {
  ByteReader in(body);
  Error error = getError(in);
  if (!in.atEnd()) return rubbish("a bad Failed");
  return error;
}

}  // namespace hal::reader
