// Exchange: one command to the card and all of its answer, whatever number of APDUs that takes. Bounded in
// bytes, in APDUs and in time, because the answers are a stranger's. One thread.
#pragma once

#include "drivers/smartcard/apdu.h"
#include "hal/base/clock.h"

namespace drivers::smartcard {

// A card that takes APDUs; drivers/smartcard/connection.h is the real one.
class ApduLink {
 public:
  virtual ~ApduLink() = default;
  // One APDU and its answer, whose size is returned. Errors: NotFound (pulled, or the reader unplugged),
  // Conflict (another program reset it), Io.
  virtual base::Result<std::size_t> transmit(base::BytesView command, std::span<std::byte> reply) = 0;
  virtual bool t0() const noexcept = 0;
  virtual base::BytesView atr() const noexcept = 0;
};

struct Reply {
  base::SecretBuffer data;
  std::uint16_t sw = 0;

  bool done() const noexcept { return sw == kSwDone; }
};

class Exchange {
 public:
  static constexpr std::size_t kMostReply = 64 * 1024;  // bytes of one answer in all its parts
  static constexpr unsigned kMostParts = 300;           // APDUs for one command
  static constexpr unsigned kMostApdus = 1000;          // in the life of an Exchange

  // Reads from the ATR what lengths the card understands. Errors: Unavailable (no locked memory).
  static base::Result<Exchange> create(ApduLink& link, base::Deadline by);

  // Chains or extends a long command, fetches an answer in parts (61xx), and repeats with the right length
  // (6Cxx, once). Errors: as ApduLink; Timeout; Corrupt (the card breaks the rules); Invalid.
  base::Result<Reply> run(const Command& command);
  // Exactly one APDU, whatever the card answers: for what must not be repeated. Its data is not looked at.
  base::Result<std::uint16_t> once(const Command& command);

  void allowExtended(bool yes) noexcept { extended_ = yes; }
  base::Deadline by() const noexcept { return by_; }

 private:
  Exchange(ApduLink& link, base::Deadline by, base::SecretBuffer in) noexcept
      : link_(&link), by_(by), in_(std::move(in)) {}
  base::Result<ReplyView> send(const Command& command);
  base::Result<Reply> collect(const Command& command);

  ApduLink* link_;
  base::Deadline by_;
  base::SecretBuffer in_;  // the last reply
  bool extended_ = false;
  unsigned apdus_ = 0;
};

}  // namespace drivers::smartcard
