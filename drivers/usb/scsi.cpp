#include "drivers/usb/scsi.h"

#include <initializer_list>

namespace drivers::usb::scsi {
namespace {

constexpr std::uint8_t kAllPages = 0x3F;
constexpr std::uint8_t kWriteProtected = 0x80;  // bit 7 of the device-specific parameter

Cdb make(std::initializer_list<std::uint8_t> bytes) {
  Cdb cdb;
  for (const std::uint8_t byte : bytes) cdb.bytes[cdb.length++] = byte;
  return cdb;
}

std::uint8_t byteOf(std::uint64_t value, unsigned index) {
  return static_cast<std::uint8_t>(value >> (8 * index));
}

Cdb transfer(std::uint8_t operation, std::uint32_t block, std::uint16_t blocks) {
  return make({operation, 0, byteOf(block, 3), byteOf(block, 2), byteOf(block, 1), byteOf(block, 0), 0,
               byteOf(blocks, 1), byteOf(blocks, 0), 0});
}

std::uint8_t at(base::BytesView data, std::size_t i) { return std::to_integer<std::uint8_t>(data[i]); }

std::uint64_t big(base::BytesView data) {
  std::uint64_t value = 0;
  for (const std::byte byte : data) value = value << 8U | std::to_integer<std::uint64_t>(byte);
  return value;
}

}  // namespace

Cdb inquiry() { return make({0x12, 0, 0, 0, kInquirySize, 0}); }
Cdb testUnitReady() { return make({0x00, 0, 0, 0, 0, 0}); }
Cdb requestSense() { return make({0x03, 0, 0, 0, kSenseSize, 0}); }
Cdb modeSense6() { return make({0x1A, 0, kAllPages, 0, kModeSize, 0}); }
Cdb modeSense10() { return make({0x5A, 0, kAllPages, 0, 0, 0, 0, 0, kModeSize, 0}); }
Cdb readCapacity10() { return make({0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0}); }
Cdb readCapacity16() { return make({0x9E, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, kCapacity16Size, 0, 0}); }
Cdb read10(std::uint32_t block, std::uint16_t blocks) { return transfer(0x28, block, blocks); }
Cdb write10(std::uint32_t block, std::uint16_t blocks) { return transfer(0x2A, block, blocks); }
Cdb synchronizeCache10() { return make({0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0}); }

std::optional<Inquiry> parseInquiry(base::BytesView data) {
  if (data.size() < 5) return std::nullopt;
  const unsigned first = at(data, 0);
  return Inquiry{first >> 5U, first & 0x1FU, (at(data, 1) & 0x80U) != 0};
}

std::optional<Sense> parseSense(base::BytesView data) {
  if (data.size() < 4) return std::nullopt;
  const unsigned format = at(data, 0) & 0x7FU;
  if (format == 0x72 || format == 0x73) return Sense{Key(at(data, 1) & 0xFU), at(data, 2), at(data, 3)};
  if (format != 0x70 && format != 0x71) return std::nullopt;
  Sense sense{Key(at(data, 2) & 0xFU), 0, 0};
  // Byte 7 tells how many follow it.
  if (data.size() >= 14 && at(data, 7) >= 6) {
    sense.asc = at(data, 12);
    sense.ascq = at(data, 13);
  }
  return sense;
}

std::optional<bool> parseModeProtect6(base::BytesView data) {
  if (data.size() < 4) return std::nullopt;
  return (at(data, 2) & kWriteProtected) != 0;
}

std::optional<bool> parseModeProtect10(base::BytesView data) {
  if (data.size() < 8) return std::nullopt;
  return (at(data, 3) & kWriteProtected) != 0;
}

std::optional<Capacity> parseCapacity10(base::BytesView data) {
  if (data.size() < kCapacity10Size) return std::nullopt;
  return Capacity{big(data.first(4)), static_cast<std::uint32_t>(big(data.subspan(4, 4)))};
}

std::optional<Capacity> parseCapacity16(base::BytesView data) {
  if (data.size() < 12) return std::nullopt;
  return Capacity{big(data.first(8)), static_cast<std::uint32_t>(big(data.subspan(8, 4)))};
}

}  // namespace drivers::usb::scsi
