#include "drivers/smartcard/apdu.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace drivers::smartcard {
namespace {

class Out {
 public:
  explicit Out(std::span<std::byte> to) noexcept : to_(to) {}
  void u8(std::size_t v) noexcept { to_[size_++] = static_cast<std::byte>(v & 0xFFU); }
  void u16(std::size_t v) noexcept {
    u8(v >> 8U);
    u8(v);
  }
  void raw(base::BytesView bytes) noexcept {
    std::ranges::copy(bytes, to_.subspan(size_).begin());
    size_ += bytes.size();
  }
  std::size_t size() const noexcept { return size_; }

 private:
  std::span<std::byte> to_;
  std::size_t size_ = 0;
};

void shortBody(Out& out, const Command& command, bool t0) {
  if (!command.data.empty()) {
    out.u8(command.data.size());
    out.raw(command.data);
    if (t0) return;  // the card says with 61xx what there is
  }
  if (command.expect > 0) {
    out.u8(command.expect);  // 256 is written as 0
  } else if (command.data.empty() && t0) {
    out.u8(0);
  }
}

void extendedBody(Out& out, const Command& command) {
  out.u8(0);
  if (!command.data.empty()) {
    out.u16(command.data.size());
    out.raw(command.data);
  }
  if (command.expect > 0) out.u16(command.expect);  // 65536 is written as 0
}

}  // namespace

base::Result<base::SecretBuffer> encode(const Command& command, Encoding how) {
  const bool isShort = command.data.size() <= kShortData && command.expect <= kShortReply;
  const bool extended = how.extended && !how.t0;
  if (!isShort && (!extended || command.data.size() > kLongData || command.expect > kLongReply))
    return base::Error{base::Code::Invalid, "a command is longer than the card can take"};
  constexpr std::size_t kFrame = 4 + 3 + 2;  // header, lengths
  auto apdu = base::SecretBuffer::create(kFrame + command.data.size());
  if (!apdu) return apdu;
  Out out(apdu->bytes());
  for (const std::uint8_t byte : {command.cla, command.ins, command.p1, command.p2}) out.u8(byte);
  if (isShort) {
    shortBody(out, command, how.t0);
  } else {
    extendedBody(out, command);
  }
  apdu->shrink(out.size());
  return apdu;
}

std::vector<Command> chain(const Command& command) {
  std::vector<Command> parts;
  base::BytesView rest = command.data;
  do {
    Command part = command;
    part.data = rest.first(std::min(rest.size(), kShortData));
    rest = rest.subspan(part.data.size());
    if (!rest.empty()) {
      part.cla = static_cast<std::uint8_t>(part.cla | kChainBit);
      part.expect = 0;
    }
    parts.push_back(part);
  } while (!rest.empty());
  return parts;
}

std::optional<ReplyView> parseReply(base::BytesView reply) noexcept {
  if (reply.size() < 2) return std::nullopt;
  const std::size_t data = reply.size() - 2;
  const unsigned sw =
      std::to_integer<unsigned>(reply[data]) << 8U | std::to_integer<unsigned>(reply[data + 1]);
  return ReplyView{reply.first(data), static_cast<std::uint16_t>(sw)};
}

std::string swText(std::uint16_t sw) {
  std::array<char, 8> text{};
  std::snprintf(text.data(), text.size(), "SW %04X", static_cast<unsigned>(sw));
  return text.data();
}

}  // namespace drivers::smartcard
