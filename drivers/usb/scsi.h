// SCSI command blocks and answers as pure functions. All numbers are big-endian. Sources: SPC-4 (INQUIRY,
// REQUEST SENSE, TEST UNIT READY, MODE SENSE), SBC-3 (READ CAPACITY, READ, WRITE, SYNCHRONIZE CACHE).
#pragma once

#include <cstdint>
#include <optional>

#include "drivers/usb/bot.h"
#include "hal/base/bytes.h"

namespace drivers::usb::scsi {

// Bytes of an answer to ask for. Many sticks know only the sizes that common systems use.
inline constexpr std::size_t kInquirySize = 36;
inline constexpr std::size_t kSenseSize = 18;
inline constexpr std::size_t kModeSize = 192;
inline constexpr std::size_t kCapacity10Size = 8;
inline constexpr std::size_t kCapacity16Size = 32;

Cdb inquiry();
Cdb testUnitReady();
Cdb requestSense();
Cdb modeSense6();
Cdb modeSense10();
Cdb readCapacity10();
Cdb readCapacity16();
Cdb read10(std::uint32_t block, std::uint16_t blocks);
Cdb write10(std::uint32_t block, std::uint16_t blocks);
Cdb synchronizeCache10();

struct Inquiry {
  unsigned qualifier = 0;  // 0: a device is there
  unsigned type = 0;       // 0: direct access, a disk
  bool removable = false;  // its medium can be taken out (RMB)
};
// Nothing where it is too short.
std::optional<Inquiry> parseInquiry(base::BytesView data);

enum class Key : std::uint8_t {
  None = 0,
  Recovered = 1,
  NotReady = 2,
  MediumError = 3,
  HardwareError = 4,
  IllegalRequest = 5,
  UnitAttention = 6,
  DataProtect = 7,
  AbortedCommand = 0xB
};

struct Sense {
  Key key = Key::None;  // or one that has no name here
  std::uint8_t asc = 0;
  std::uint8_t ascq = 0;

  bool noMedium() const noexcept { return key == Key::NotReady && asc == 0x3A; }
  bool becomingReady() const noexcept { return key == Key::NotReady && asc == 0x04 && ascq == 0x01; }
};
// Fixed (70h, 71h) and descriptor format (72h, 73h). Nothing where it is neither.
std::optional<Sense> parseSense(base::BytesView data);

// The write protection that a mode parameter header tells; nothing where it is too short.
std::optional<bool> parseModeProtect6(base::BytesView data);
std::optional<bool> parseModeProtect10(base::BytesView data);

struct Capacity {
  std::uint64_t last = 0;       // number of the last block
  std::uint32_t blockSize = 0;  // bytes
};
// READ CAPACITY(10) says this where the number does not fit it.
inline constexpr std::uint64_t kTooMany10 = 0xFFFFFFFF;
std::optional<Capacity> parseCapacity10(base::BytesView data);
std::optional<Capacity> parseCapacity16(base::BytesView data);

}  // namespace drivers::usb::scsi
