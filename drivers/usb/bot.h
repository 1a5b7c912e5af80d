// The frames of bulk-only transport as pure functions. Source: USB Mass Storage Class, Bulk-Only Transport,
// revision 1.0, sections 3 and 5.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "hal/base/bytes.h"

namespace drivers::usb {

inline constexpr std::size_t kCbwSize = 31;
inline constexpr std::size_t kCswSize = 13;
inline constexpr unsigned kMostLun = 15;

// Class requests (section 3), to the interface.
inline constexpr std::uint8_t kBotReset = 0xFF;
inline constexpr std::uint8_t kGetMaxLun = 0xFE;
inline constexpr std::uint8_t kClassOut = 0x21;
inline constexpr std::uint8_t kClassIn = 0xA1;

// A SCSI command block.
struct Cdb {
  std::array<std::uint8_t, 16> bytes{};
  std::uint8_t length = 0;  // 6, 10 or 16
};

// Command block wrapper.
struct Cbw {
  std::uint32_t tag = 0;
  std::uint32_t length = 0;  // bytes of the data phase
  bool in = false;           // its direction: device to host
  std::uint8_t lun = 0;
  Cdb cdb;
};

std::array<std::byte, kCbwSize> encodeCbw(const Cbw& cbw);
// Nothing where it is no valid wrapper (6.2.1), or a reserved bit is set (6.2.2).
std::optional<Cbw> parseCbw(base::BytesView frame);

enum class CswStatus : std::uint8_t { Passed = 0, Failed = 1, PhaseError = 2 };

// Command status wrapper.
struct Csw {
  std::uint32_t tag = 0;
  std::uint32_t residue = 0;  // bytes of the data phase that do not count
  CswStatus status = CswStatus::Passed;
};

std::array<std::byte, kCswSize> encodeCsw(const Csw& csw);
// Nothing where it is not valid (6.3.1: size, signature, the tag of its command) or not meaningful (6.3.2:
// status unknown; residue above `length` other than with a phase error).
std::optional<Csw> parseCsw(base::BytesView frame, std::uint32_t tag, std::uint32_t length);

}  // namespace drivers::usb
