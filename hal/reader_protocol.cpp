#include "hal/reader_protocol.h"

#include <algorithm>

#include "hal/base/utf8.h"
#include "hal/epoch_file.h"
#include "hal/key_file.h"

namespace hal::reader {
namespace {

using base::BytesView;
using base::ByteWriter;
using base::Code;
using base::Error;
using base::Result;
using base::SecretBuffer;

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

void put(ByteWriter& out, const std::optional<base::Uuid>& id) {
  out.u8(id ? 1 : 0);
  if (id) out.raw(id->bytes());
}
void put(ByteWriter& out, const PinQuestion& question) {
  out.field(cleanText(question.application, kMaxCard));
  out.field(cleanText(question.card, kMaxCard));
  put(out, question.server);
  put(out, question.medium);
  out.u8(question.triesLeft ? 1 : 0);
  if (question.triesLeft) out.u8(static_cast<std::uint8_t>(std::min(*question.triesLeft, 255U)));
}

}  // namespace

Result<SecretBuffer> encode(std::uint32_t request, const Open& message) {
  if (message.uris.size() > kMaxUris) return tooLong("more than 64 media");
  ByteWriter out;
  out.u16(message.version);
  out.u8(message.writable ? 1 : message.epoch ? 2 : 0);
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

Result<SecretBuffer> encode(std::uint32_t request, const ReadEpoch& message) {
  if (!fits(message.id)) return tooLong("a slot's name");
  ByteWriter out;
  put(out, message.id);
  put(out, message.timeout);
  return makeFrame(Type::ReadEpoch, request, out.bytes());
}

Result<SecretBuffer> encode(std::uint32_t request, const WriteEpoch& message) {
  if (!fits(message.id)) return tooLong("a slot's name");
  if (message.which >= kEpochSectors || message.sector.size() != kEpochSector) return tooLong("a sector");
  ByteWriter out;
  put(out, message.id);
  put(out, message.timeout);
  out.u8(static_cast<std::uint8_t>(message.which));
  out.raw(message.sector);
  return makeFrame(Type::WriteEpoch, request, out.bytes());
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
  if (message.kind == QuestionKind::Pin) {
    put(out, message.pin);
  } else {
    out.field(cleanText(message.text, kMaxSentence));
  }
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

Result<SecretBuffer> encodeEpoch(std::uint32_t request, BytesView sectors) {
  if (sectors.size() != kEpochFileSize) return tooLong("two sectors");
  return makeFrame(Type::Epoch, request, sectors);
}

Result<SecretBuffer> encodeWritten(std::uint32_t request) { return makeFrame(Type::Written, request, {}); }

Result<SecretBuffer> encodePing() { return makeFrame(Type::Ping, 0, {}); }

Result<SecretBuffer> encodePong() { return makeFrame(Type::Pong, 0, {}); }

bool showable(std::string_view text) { return base::validUtf8(text) && !base::hasControl(text); }

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
