#include "tests/virtual/cards/card.h"

#include <algorithm>
#include <ostream>
#include <utility>

namespace tests {

void PrintTo(const CardManner& manner, std::ostream* out) {
  *out << (manner.t0 ? "T=0" : "T=1") << (manner.extended ? ", extended lengths" : "") << ", parts of "
       << manner.part;
}
namespace {

constexpr std::uint8_t kGetResponse = 0xC0;
constexpr std::uint8_t kChainBit = 0x10;
constexpr std::size_t kMostChained = 64 * 1024;

Bytes statusOnly(unsigned sw) { return bigEndian(sw, 2); }

}  // namespace

std::uint16_t VirtualPin::verify(BytesView data) {
  if (data.empty()) {
    if (verified) return 0x9000;
    if (!tellsTries) return 0x6A86;
    return left == 0 ? 0x6983 : static_cast<std::uint16_t>(0x63C0 + left);
  }
  ++given;
  verified = false;
  if (left == 0) return 0x6983;
  --left;
  if (!std::ranges::equal(data, base::asBytes(value)))
    return tellsTries ? static_cast<std::uint16_t>(0x63C0 + left) : 0x6982;
  left = most;
  verified = true;
  return 0x9000;
}

Bytes VirtualCard::atr() const {
  const Bytes tail = historical();
  if (manner_.t0) return joined({bigEndian(0x3B60 + tail.size(), 2), bigEndian(0, 2), tail});
  Bytes atr = joined({bigEndian(0x3B80 + tail.size(), 2), bigEndian(0x8001, 2), tail});
  std::byte check{0};
  for (std::size_t i = 1; i < atr.size(); ++i) check ^= atr[i];
  atr.push_back(check);
  return atr;
}

unsigned VirtualCard::apdus() const {
  const auto held = lock();
  return apdus_;
}
unsigned VirtualCard::resets() const {
  const auto held = lock();
  return resets_;
}
bool VirtualCard::dead() const {
  const auto held = lock();
  return dead_;
}

void VirtualCard::reset() {
  const auto held = lock();
  ++resets_;
  dead_ = false;
  chained_.clear();
  rest_.clear();
  forget();
}

Bytes VirtualCard::transmit(BytesView bytes) {
  const auto held = lock();
  const unsigned number = apdus_++;
  if (faults_.mute || dead_) return {};
  const bool pulled = faults_.pulledAt == number;
  dead_ = pulled;
  if (pulled && !faults_.actsBefore) return {};
  if (faults_.says) return statusOnly(*faults_.says);
  const auto apdu = parseApdu(bytes, manner_);
  const Bytes reply = apdu ? answer(*apdu) : statusOnly(0x6700);
  if (!pulled) return reply;
  forget();
  return {};
}

Bytes VirtualCard::answer(const Apdu& apdu) {
  if (apdu.ins == kGetResponse) return handOut({0x9000, std::exchange(rest_, {})}, apdu);
  rest_.clear();
  if (chained_.size() + apdu.data.size() > kMostChained) return statusOnly(0x6700);
  chained_.insert(chained_.end(), apdu.data.begin(), apdu.data.end());
  if ((apdu.cla & kChainBit) != 0) return statusOnly(0x9000);
  Apdu whole = apdu;
  whole.data = std::exchange(chained_, {});
  return handOut(process(whole), apdu);
}

// As much of an answer as the command can take, and how the rest is fetched.
Bytes VirtualCard::handOut(Answer answer, const Apdu& apdu) {
  if (answer.data.empty()) return statusOnly(answer.sw);
  const bool get = apdu.ins == kGetResponse;
  const auto ofMore = [](std::size_t more) {
    return static_cast<unsigned>(0x6100 + (more >= 256 ? 0 : more));
  };
  if (manner_.t0 && !apdu.data.empty()) {
    rest_ = std::move(answer.data);
    return statusOnly(ofMore(rest_.size()));
  }
  const std::size_t expect = apdu.expect.value_or(manner_.unasked ? 256 : 0);
  if (manner_.t0 && !get && expect > answer.data.size())
    return statusOnly(0x6C00U + unsigned(answer.data.size()));
  const std::size_t most =
      std::min(expect > 256 ? expect : std::min(expect, manner_.part), answer.data.size());
  Bytes out(answer.data.begin(), answer.data.begin() + static_cast<std::ptrdiff_t>(most));
  answer.data.erase(answer.data.begin(), answer.data.begin() + static_cast<std::ptrdiff_t>(most));
  rest_ = std::move(answer.data);
  return joined({out, statusOnly(rest_.empty() ? answer.sw : ofMore(rest_.size()))});
}

}  // namespace tests
