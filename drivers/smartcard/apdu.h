// Command and response APDUs as bytes. Pure. Source: ISO/IEC 7816-4, 5.1 and 5.3; for T=0 ISO/IEC 7816-3, 12.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "hal/base/result.h"
#include "hal/base/secret_buffer.h"

namespace drivers::smartcard {

inline constexpr std::size_t kShortData = 255;      // bytes of data in a short command
inline constexpr std::size_t kShortReply = 256;     // bytes that a short command can expect
inline constexpr std::size_t kLongData = 65535;     // of an extended one
inline constexpr std::size_t kLongReply = 65536;    // bytes
inline constexpr std::uint8_t kChainBit = 0x10;     // of CLA: another part follows
inline constexpr std::uint16_t kSwDone = 0x9000;    // status words
inline constexpr std::uint16_t kSwDenied = 0x6982;  // security status not satisfied
inline constexpr std::uint16_t kSwBlocked = 0x6983;

struct Command {
  std::uint8_t cla = 0;
  std::uint8_t ins = 0;
  std::uint8_t p1 = 0;
  std::uint8_t p2 = 0;
  base::BytesView data{};
  std::size_t expect = 0;  // bytes of reply at most; 0: none
};

struct Encoding {
  bool t0 = false;        // the protocol T=0: no expected length behind data, always five bytes
  bool extended = false;  // lengths of more than a byte are understood; not with T=0
};

// Errors: Invalid (longer than this encoding can say); Unavailable (no locked memory).
base::Result<base::SecretBuffer> encode(const Command& command, Encoding how);
// The same command as parts of at most kShortData bytes; one part where that is enough. Views into its data.
std::vector<Command> chain(const Command& command);

struct ReplyView {
  base::BytesView data;
  std::uint16_t sw = 0;
};
// Nothing where there is no status word.
std::optional<ReplyView> parseReply(base::BytesView reply) noexcept;

// "SW 6A82", for sentences.
std::string swText(std::uint16_t sw);

}  // namespace drivers::smartcard
