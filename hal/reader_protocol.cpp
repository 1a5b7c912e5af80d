#include "hal/reader_protocol.h"

#include <algorithm>

#include "hal/base/utf8.h"
#include "hal/key_file.h"

namespace hal::reader {
namespace {

using base::ByteReader;
using base::BytesView;
using base::ByteWriter;
using base::Code;
using base::Error;
using base::Reason;
using base::Result;
using base::SecretBuffer;

Error rubbish(const char* what) { return Error{Code::Corrupt, std::string("reader protocol: ") + what}; }
Error tooLong(const char* what) {
  return Error{Code::Invalid, std::string("too long for the reader protocol: ") + what};
}

// `secret` becomes the last field of the body; it is copied once, into the frame.
Result<SecretBuffer> makeFrame(Type type, std::uint32_t request, BytesView plain,
                               std::optional<BytesView> secret = std::nullopt) {
  const std::size_t body = plain.size() + (secret ? 4 + secret->size() : 0);
  if (body > kMaxFrame - kHeaderSize) return tooLong("a message");
  auto frame = SecretBuffer::create(kHeaderSize + body);
  if (!frame) return std::move(frame).error();
  const auto out = frame->bytes();
  base::storeLe32(out, static_cast<std::uint32_t>(kHeaderSize - 4 + body));
  out[4] = std::byte(type);
  base::storeLe32(out.subspan(5), request);
  const auto at = std::copy(plain.begin(), plain.end(), out.begin() + kHeaderSize);
  if (secret) {
    const auto tail = out.last(4 + secret->size());
    base::storeLe32(tail, static_cast<std::uint32_t>(secret->size()));
    std::copy(secret->begin(), secret->end(), at + 4);
  }
  return frame;
}

bool fits(const MediumId& id) { return id.driver.size() + 1 + id.slot.size() <= kMaxUri; }

// A name goes back to the driver as it came, so it is refused where it cannot be shown, never altered.
bool showable(std::string_view text) { return base::validUtf8(text) && !base::hasControl(text); }

void put(ByteWriter& out, const MediumId& id) {
  out.field(id.driver);
  out.field(id.slot);
}
void put(ByteWriter& out, std::chrono::milliseconds span) {
  out.u32(static_cast<std::uint32_t>(std::clamp(span, std::chrono::milliseconds{0}, kMostTimeout).count()));
}
void put(ByteWriter& out, const Error& error) {
  out.u8(std::uint8_t(error.code));
  out.u8(std::uint8_t(error.reason));
  out.field(cleanText(error.what, kMaxSentence));
}

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

Result<SecretBuffer> encode(std::uint32_t request, const Open& message) {
  if (message.uris.size() > kMaxUris) return tooLong("more than 64 media");
  ByteWriter out;
  out.u16(message.version);
  out.u8(message.writable ? 1 : 0);
  out.u16(static_cast<std::uint16_t>(message.uris.size()));
  for (const std::string& uri : message.uris) {
    if (uri.size() > kMaxUri) return tooLong("a medium URI");
    out.field(uri);
  }
  return makeFrame(Type::Open, request, out.bytes());
}

Result<SecretBuffer> encode(std::uint32_t request, const Scan& message) {
  ByteWriter out;
  put(out, message.timeout);
  return makeFrame(Type::Scan, request, out.bytes());
}

Result<SecretBuffer> encode(std::uint32_t request, const Read& message) {
  if (!fits(message.id)) return tooLong("a slot's name");
  ByteWriter out;
  put(out, message.id);
  put(out, message.timeout);
  return makeFrame(Type::Read, request, out.bytes());
}

Result<SecretBuffer> encode(std::uint32_t request, const Write& message) {
  if (!fits(message.id)) return tooLong("a slot's name");
  if (message.text.size() > kMaxKeyFile) return tooLong("a key file");
  ByteWriter out;
  put(out, message.id);
  out.u8(std::uint8_t(message.consent));
  put(out, message.timeout);
  return makeFrame(Type::Write, request, out.bytes(), message.text.bytes());
}

Result<SecretBuffer> encode(std::uint32_t request, const Answer& message) {
  if (message.secret.size() > kMaxPin) return tooLong("a PIN");
  ByteWriter out;
  out.u32(message.question);
  out.u8(message.granted ? 1 : 0);
  return makeFrame(Type::Answer, request, out.bytes(), message.secret.bytes());
}

Result<SecretBuffer> encode(std::uint32_t request, const Ready& message) {
  ByteWriter out;
  out.u16(message.version);
  out.u16(static_cast<std::uint16_t>(message.drivers.size()));
  for (const DriverDescription& driver : message.drivers) {
    out.field(driver.scheme);
    out.field(driver.summary);
    out.field(driver.forms);
    out.u32(driver.caps);
    out.u8(driver.usual ? 1 : 0);
    if (driver.usual) out.field(*driver.usual);
  }
  return makeFrame(Type::Ready, request, out.bytes());
}

Result<SecretBuffer> encode(std::uint32_t request, const Question& message) {
  ByteWriter out;
  out.u32(message.question);
  out.u8(std::uint8_t(message.kind));
  out.field(cleanText(message.text, kMaxSentence));
  return makeFrame(Type::Question, request, out.bytes());
}

Result<SecretBuffer> encode(std::uint32_t request, const std::vector<Slot>& slots) {
  if (slots.size() > kMaxSlots) return tooLong("more than 256 slots");
  ByteWriter out;
  out.u16(static_cast<std::uint16_t>(slots.size()));
  for (const Slot& slot : slots) {
    if (!fits(slot.id)) return tooLong("a slot's name");
    if (slot.stamp.size() > kMaxStamp) return tooLong("a slot's stamp");
    put(out, slot.id);
    out.u8(slot.present ? 1 : 0);
    out.u8(slot.writeProtected ? 1 : 0);
    out.field(slot.stamp);
    out.u8(slot.error ? 1 : 0);
    if (slot.error) put(out, *slot.error);
  }
  return makeFrame(Type::Slots, request, out.bytes());
}

Result<SecretBuffer> encodeFailure(std::uint32_t request, Type type, const Error& error) {
  ByteWriter out;
  put(out, error);
  return makeFrame(type, request, out.bytes());
}

Result<SecretBuffer> encodeKeyText(std::uint32_t request, BytesView text) {
  if (text.size() > kMaxKeyFile) return tooLong("a key file");
  return makeFrame(Type::KeyText, request, {}, text);
}

Result<SecretBuffer> encodeWritten(std::uint32_t request) { return makeFrame(Type::Written, request, {}); }

Result<Header> parseHeader(BytesView header) {
  if (header.size() != kHeaderSize) return rubbish("a short header");
  const std::size_t length = base::loadLe32(header);
  const auto type = static_cast<Type>(header[4]);
  if (length < kHeaderSize - 4 || length > kMaxFrame - 4) return rubbish("a frame of bad length");
  const bool down = type >= Type::Open && type <= Type::Answer;
  const bool up = type >= Type::Ready && type <= Type::Question;
  if (!down && !up) return rubbish("a frame of unknown type");
  return Header{type, base::loadLe32(header.subspan(5)), length - (kHeaderSize - 4)};
}

Result<Open> parseOpen(BytesView body) {
  ByteReader in(body);
  bool ok = true;
  Open message;
  message.version = in.u16();
  message.writable = getBool(in, ok);
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
  message.text = cleanText(base::asText(in.field(kMaxSentence)), kMaxSentence);
  if (!in.atEnd() || kind < std::uint8_t(QuestionKind::Pin) || kind > std::uint8_t(QuestionKind::Confirm))
    return rubbish("a bad Question");
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

Error parseFailure(BytesView body) {
  ByteReader in(body);
  Error error = getError(in);
  if (!in.atEnd()) return rubbish("a bad Failed");
  return error;
}

std::string cleanText(std::string_view text, std::size_t most) {
  std::string out;
  while (!text.empty()) {
    std::size_t take = std::min<std::size_t>(4, text.size());
    while (take > 0 && !showable(text.substr(0, take))) --take;
    // The longest sound piece may be several characters; one at a time keeps the bound exact.
    for (std::size_t less = 1; less < take; ++less)
      if (base::validUtf8(text.substr(0, less))) take = less;
    const std::string_view piece = take == 0 ? "?" : text.substr(0, take);
    if (out.size() + piece.size() > most) break;
    out += piece;
    text.remove_prefix(std::max<std::size_t>(1, take));
  }
  return out;
}

}  // namespace hal::reader
