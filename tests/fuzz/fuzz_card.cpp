// Fuzzes all that reads a card: the bytes are the card's answers, in turn, to the whole driver code behind
// the reader: choosing an application, the PIN, reading and writing.
//
//   input := mode target-length target answer* ; answer := size:u16le bytes
#include <algorithm>
#include <cstdint>

#include "drivers/smartcard/application.h"
#include "drivers/smartcard/atr.h"
#include "drivers/smartcard/tlv.h"

namespace {

using namespace drivers::smartcard;

// Hands out the input piece by piece; behind its end the card is gone.
class FuzzLink final : public ApduLink {
 public:
  FuzzLink(base::BytesView input, bool t0) : input_(input), t0_(t0) {}

  base::Result<std::size_t> transmit(base::BytesView command, std::span<std::byte> reply) override {
    if (command.size() < 4) __builtin_trap();
    if (command[1] == std::byte{0x20} && command.size() > 5) ++verified;
    if (input_.size() < 2) return base::Error{base::Code::NotFound, "pulled"};
    const std::size_t size = std::min<std::size_t>({base::loadLe16(input_), input_.size() - 2, reply.size()});
    std::ranges::copy(input_.subspan(2, size), reply.begin());
    input_ = input_.subspan(2 + size);
    return size;
  }
  bool t0() const noexcept override { return t0_; }
  base::BytesView atr() const noexcept override {
    return input_.first(std::min<std::size_t>(input_.size(), 33));
  }
  unsigned verified = 0;

 private:
  base::BytesView input_;
  const bool t0_;
};

void parsers(base::BytesView bytes) {
  static_cast<void>(cardCapabilities(historicalBytes(bytes)));
  static_cast<void>(cardCapabilities(bytes));
  std::size_t inside = 0;
  for (base::BytesView rest = bytes; const auto object = takeTlv(rest);) inside += object->value.size();
  if (inside > bytes.size()) __builtin_trap();
  static_cast<void>(findTlv(bytes, {0x6E, 0x73, 0xC4}));
  static_cast<void>(contentOf(bytes));
  static_cast<void>(ownerIn(bytes));
}

template <class T>
void explained(const base::Result<T>& result) {
  if (!result && result.error().what.empty()) __builtin_trap();  // every refusal says why
}

void talk(base::BytesView answers, const CardTarget& target, unsigned mode) {
  FuzzLink link(answers, (mode & 1U) != 0);
  auto card = Exchange::create(link, base::Deadline::in(std::chrono::seconds(10)));
  if (!card) return;
  const auto access = (mode & 2U) != 0 ? hal::Access::Write : hal::Access::Read;
  const auto shown = chooseApplication(*card, target, access);
  explained(shown);
  if (!shown) return;
  if (shown->card.size() > 128) __builtin_trap();
  if (shown->pin) {
    const auto verified = verifyPin(*card, *shown, base::asBytes("123456"));
    explained(verified);
    if (link.verified > 1) __builtin_trap();
    if (!verified) return;
  }
  if (access == hal::Access::Write) {
    explained(writeKey(*card, *shown, target, base::asBytes("[config]\npwd=04HMASW9NF6YY4\n"),
                       static_cast<hal::Overwrite>(mode >> 2U & 1U ? 2 : 0)));
  } else {
    const auto text = readKey(*card, *shown, target);
    explained(text);
    if (text && text->size() > 4096) __builtin_trap();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto input = std::as_bytes(std::span(data, size));
  if (size < 2) return 0;
  parsers(input);
  const std::size_t length = std::min<std::size_t>(data[1] % 64U, size - 2);
  const auto target = parseTarget(base::asText(input.subspan(2, length)));
  explained(target);
  if (target) talk(input.subspan(2 + length), *target, data[0]);
  return 0;
}
