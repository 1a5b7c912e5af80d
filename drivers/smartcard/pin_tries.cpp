#include "drivers/smartcard/pin_tries.h"

#include "drivers/smartcard/card_object.h"
#include "drivers/smartcard/tlv.h"

namespace drivers::smartcard {
namespace {

constexpr std::uint8_t kVerify = 0x20;
constexpr std::uint32_t kPwStatus = 0xC4;
constexpr std::size_t kPwStatusSize = 7;   // bytes
constexpr std::size_t kPwStatusTries = 4;  // where the tries of the user's PIN stand

std::optional<unsigned> triesOf(base::BytesView status) {
  if (status.size() != kPwStatusSize) return std::nullopt;
  return std::to_integer<unsigned>(status[kPwStatusTries]);
}

}  // namespace

std::optional<unsigned> triesIn(std::uint16_t sw) noexcept {
  if ((sw & 0xFFF0U) != 0x63C0) return std::nullopt;
  return sw & 0x0FU;
}

base::Result<void> lookAtTries(Exchange& card, Shown& shown) {
  shown.tries.reset();
  if (!shown.pin) return {};
  if (shown.profile->tries == Tries::EmptyVerify) {
    const auto sw = card.once({0, kVerify, 0, *shown.pin, {}, 0});
    if (!sw) return sw.error();
    if (*sw == kSwDone) shown.pin.reset();
    shown.tries = *sw == kSwBlocked ? 0U : triesIn(*sw);
    return {};
  }
  const auto all = getData(card, 0x6E);
  if (!all) return all.error();
  const auto bytes = all->data.bytes();
  const auto data = findTlv(bytes, 0x6E).value_or(bytes);
  if (const auto status = findTlv(data, {0x73, kPwStatus})) shown.tries = triesOf(*status);
  if (shown.tries) return {};
  const auto alone = getData(card, kPwStatus);
  if (!alone) return alone.error();
  if (alone->done()) shown.tries = triesOf(alone->data.bytes());
  return {};
}

}  // namespace drivers::smartcard
