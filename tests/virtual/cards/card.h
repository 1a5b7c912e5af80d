// VirtualCard: a smartcard in software. It speaks APDUs as ISO/IEC 7816-4 has them: short and extended
// lengths, chaining by CLA bit 0x10, 61xx and 6Cxx, in the manner of T=1 or T=0; and it fails in the ways of
// cards. Whoever puts it into a reader calls transmit() for each APDU and reset() for each reset. Safe to use
// from several threads, but for the faults, which are set before it is used.
#pragma once

#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <mutex>
#include <optional>
#include <string>

#include "hal/base/bytes.h"

namespace tests {

using base::Bytes;
using base::BytesView;

struct CardManner {
  bool t0 = false;         // wrong lengths are told by 6Cxx, all answers to data by 61xx
  bool extended = false;   // extended lengths are understood
  std::size_t part = 256;  // bytes of an answer in one part; the rest by 61xx
  bool unasked = false;    // answers also commands that expect no answer, as YubiKeys do
};

// As a failing test names it.
void PrintTo(const CardManner& manner, std::ostream* out);

struct CardFaults {
  std::optional<unsigned> pulledAt;   // when this APDU comes (from 0), the card loses power: no answer
  bool actsBefore = false;            // but it has done what the APDU says
  bool mute = false;                  // never answers
  std::chrono::milliseconds delay{};  // before each answer
  std::optional<std::uint16_t> says;  // this status word, whatever comes
};

struct Apdu {
  std::uint8_t cla = 0;
  std::uint8_t ins = 0;
  std::uint8_t p1 = 0;
  std::uint8_t p2 = 0;
  Bytes data;
  std::optional<std::size_t> expect;  // none: no answer expected
  std::uint16_t p() const noexcept { return static_cast<std::uint16_t>(p1 << 8U | p2); }
};

// Nothing where these bytes are no APDU.
std::optional<Apdu> parseApdu(BytesView bytes, const CardManner& manner);

struct Answer {
  std::uint16_t sw = 0x9000;
  Bytes data{};
};

// A PIN that counts. The try is taken before the comparison, as cards do it.
struct VirtualPin {
  std::string value;
  unsigned most = 3;
  unsigned left = 3;
  bool tellsTries = true;  // 63Cx; else 6982, and an empty VERIFY tells nothing
  bool verified = false;
  unsigned given = 0;  // VERIFY commands with data
  std::uint16_t verify(BytesView data);
};

class VirtualCard {
 public:
  explicit VirtualCard(CardManner manner = {}) : manner_(manner) {}
  virtual ~VirtualCard() = default;
  VirtualCard(const VirtualCard&) = delete;
  VirtualCard& operator=(const VirtualCard&) = delete;

  // 3B 6n 00 00 or, for T=1, 3B 8n 80 01 with a check byte; then the historical bytes.
  virtual Bytes atr() const;
  // Empty: the card did not answer (mute, or it lost power).
  Bytes transmit(BytesView apdu);
  void reset();

  const CardManner& manner() const noexcept { return manner_; }
  CardFaults& faults() noexcept { return faults_; }
  unsigned apdus() const;   // seen so far
  unsigned resets() const;  // so far
  bool dead() const;        // it lost power

 protected:
  virtual Answer process(const Apdu& apdu) = 0;
  virtual void forget() = 0;  // selections and verified PINs
  virtual Bytes historical() const { return {}; }
  std::unique_lock<std::mutex> lock() const { return std::unique_lock(mutex_); }

 private:
  Bytes answer(const Apdu& apdu);
  Bytes handOut(Answer answer, const Apdu& apdu);

  const CardManner manner_;
  CardFaults faults_;
  mutable std::mutex mutex_;
  unsigned apdus_ = 0;
  unsigned resets_ = 0;
  bool dead_ = false;
  Bytes chained_;  // data of the parts so far
  Bytes rest_;     // of an answer, for GET RESPONSE
};

// Text as bytes, and a number as big-endian bytes.
Bytes bytesOf(std::string_view text);
Bytes bigEndian(std::uint64_t number, std::size_t size);
Bytes joined(std::initializer_list<Bytes> parts);
Bytes tlv(std::uint32_t tag, const Bytes& value);

}  // namespace tests
