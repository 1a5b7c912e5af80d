#include "drivers/usb/bot.h"

namespace drivers::usb {
namespace {

constexpr std::uint32_t kCbwSignature = 0x43425355;  // "USBC"
constexpr std::uint32_t kCswSignature = 0x53425355;  // "USBS"
constexpr std::uint8_t kFlagIn = 0x80;

std::uint8_t at(base::BytesView frame, std::size_t i) { return std::to_integer<std::uint8_t>(frame[i]); }

}  // namespace

std::array<std::byte, kCbwSize> encodeCbw(const Cbw& cbw) {
  std::array<std::byte, kCbwSize> frame{};
  const std::span<std::byte> out(frame);
  base::storeLe32(out.first(4), kCbwSignature);
  base::storeLe32(out.subspan(4, 4), cbw.tag);
  base::storeLe32(out.subspan(8, 4), cbw.length);
  frame[12] = std::byte{cbw.in ? kFlagIn : std::uint8_t{0}};
  frame[13] = std::byte{cbw.lun};
  frame[14] = std::byte{cbw.cdb.length};
  for (std::size_t i = 0; i < cbw.cdb.length && i < cbw.cdb.bytes.size(); ++i)
    frame[15 + i] = std::byte{cbw.cdb.bytes[i]};
  return frame;
}

std::optional<Cbw> parseCbw(base::BytesView frame) {
  if (frame.size() != kCbwSize || base::loadLe32(frame.first(4)) != kCbwSignature) return std::nullopt;
  Cbw cbw;
  cbw.tag = base::loadLe32(frame.subspan(4, 4));
  cbw.length = base::loadLe32(frame.subspan(8, 4));
  cbw.in = at(frame, 12) == kFlagIn;
  cbw.lun = at(frame, 13);
  cbw.cdb.length = at(frame, 14);
  const bool flags = (at(frame, 12) & ~kFlagIn) == 0;
  if (!flags || cbw.lun > kMostLun || cbw.cdb.length == 0 || cbw.cdb.length > cbw.cdb.bytes.size())
    return std::nullopt;
  for (std::size_t i = 0; i < cbw.cdb.length; ++i) cbw.cdb.bytes[i] = at(frame, 15 + i);
  return cbw;
}

std::array<std::byte, kCswSize> encodeCsw(const Csw& csw) {
  std::array<std::byte, kCswSize> frame{};
  const std::span<std::byte> out(frame);
  base::storeLe32(out.first(4), kCswSignature);
  base::storeLe32(out.subspan(4, 4), csw.tag);
  base::storeLe32(out.subspan(8, 4), csw.residue);
  frame[12] = std::byte(csw.status);
  return frame;
}

std::optional<Csw> parseCsw(base::BytesView frame, std::uint32_t tag, std::uint32_t length) {
  if (frame.size() != kCswSize || base::loadLe32(frame.first(4)) != kCswSignature) return std::nullopt;
  Csw csw;
  csw.tag = base::loadLe32(frame.subspan(4, 4));
  csw.residue = base::loadLe32(frame.subspan(8, 4));
  const std::uint8_t status = at(frame, 12);
  if (csw.tag != tag || status > std::uint8_t(CswStatus::PhaseError)) return std::nullopt;
  csw.status = CswStatus{status};
  if (csw.status != CswStatus::PhaseError && csw.residue > length) return std::nullopt;
  return csw;
}

}  // namespace drivers::usb
