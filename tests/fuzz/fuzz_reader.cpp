// Fuzzes the protocol between kmsd and kmsd-media: each side's frames as the other one sees them.
#include <cstdint>

#include "hal/reader_protocol.h"

namespace {

using namespace hal::reader;

// What was parsed is encoded again. That must give the frame it came from where texts are not cleaned, and be
// parsed into the same where they are.
template <class Parse>
void same(const Header& header, base::BytesView frame, Parse parse, bool cleaned = false) {
  const auto message = parse(frame.subspan(kHeaderSize));
  if (!message) {
    if (message.error().what.empty()) __builtin_trap();
    return;
  }
  const auto once = encode(header.request, *message);
  if (!once) __builtin_trap();
  if (!cleaned && base::asText(once->bytes()) != base::asText(frame)) __builtin_trap();
  const auto again = parse(base::BytesView(once->bytes()).subspan(kHeaderSize));
  if (!again) __builtin_trap();
  const auto twice = encode(header.request, *again);
  if (!twice || base::asText(twice->bytes()) != base::asText(once->bytes())) __builtin_trap();
}

// There is one frame of each kind.
void pulse(const Header& header, base::BytesView frame, const base::Result<base::SecretBuffer>& whole) {
  auto body = base::SecretBuffer::copyOf(frame.subspan(kHeaderSize));
  if (!body || !whole) __builtin_trap();
  const bool taken = bool(parsePulse({header.type, header.request, *std::move(body)}));
  if (taken != (base::asText(whole->bytes()) == base::asText(frame))) __builtin_trap();
}

void parse(const Header& header, base::BytesView frame) {
  const base::BytesView body = frame.subspan(kHeaderSize);
  switch (header.type) {
    case Type::Open:
      return same(header, frame, parseOpen);
    case Type::Scan:
      return same(header, frame, parseScan);
    case Type::Read:
      return same(header, frame, parseRead);
    case Type::Write:
      return same(header, frame, parseWrite);
    case Type::Answer:
      return same(header, frame, parseAnswer);
    case Type::Ready:
      return same(header, frame, parseReady, true);
    case Type::Question:
      return same(header, frame, parseQuestion, true);
    case Type::ReadEpoch:
      return same(header, frame, parseReadEpoch);
    case Type::WriteEpoch:
      return same(header, frame, parseWriteEpoch);
    case Type::Epoch:
      if (parseEpoch(body) && body.size() != 1024) __builtin_trap();
      return;
    case Type::Slots:
      return same(header, frame, parseSlots, true);
    case Type::KeyText:
      static_cast<void>(parseKeyText(body));
      return;
    case Type::Refused:
    case Type::Failed:
      if (parseFailure(body).what.size() > kMaxSentence) __builtin_trap();
      return;
    case Type::Written:
      return;
    case Type::Ping:
      return pulse(header, frame, encodePing());
    case Type::Pong:
      return pulse(header, frame, encodePong());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto frame = std::as_bytes(std::span(data, size));
  if (size < kHeaderSize) return 0;
  const auto header = parseHeader(frame.first(kHeaderSize));
  if (!header || header->body != size - kHeaderSize) return 0;
  parse(*header, frame);
  return 0;
}
