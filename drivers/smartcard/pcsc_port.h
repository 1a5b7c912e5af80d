// PcscPort: what the driver asks of PC/SC; tests script it. pcsc_lite_port.cpp makes the real calls and is
// the only code that knows winscard.h. One port is one context and is used by one thread; only cancel() may
// come from another.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "hal/base/bytes.h"

namespace drivers::smartcard {

enum class Pcsc : std::uint8_t {
  Ok,
  Timeout,
  Cancelled,
  NoService,      // pcscd does not run
  Lost,           // the context or the connection to pcscd is gone
  UnknownReader,  // unplugged meanwhile
  NoCard,
  Removed,  // the card was pulled, or exchanged
  Reset,    // another program reset it
  Mute,     // the card does not answer to a reset
  Shared,   // another program has it for itself
  NotPermitted,
  Failed
};

struct ReaderState {
  std::string name;
  std::uint32_t current = 0;  // what is known, as `event` said; 0: nothing
  std::uint32_t event = 0;    // flags below, and pcscd's count of insertions and pulls in the upper 16 bits
  base::Bytes atr;
};
// Of ReaderState; the values of PC/SC.
inline constexpr std::uint32_t kStateUnknown = 0x0004;
inline constexpr std::uint32_t kStateUnavailable = 0x0008;
inline constexpr std::uint32_t kStatePresent = 0x0020;
inline constexpr std::uint32_t kStateMute = 0x0200;
// A reader of this name changes when readers come and go.
inline constexpr const char* kPnpReader = "\\\\?PnP?\\Notification";
inline constexpr std::size_t kMostReaders = 15;  // PC/SC-lite watches 16, one of them the name above

using CardHandle = std::int64_t;

class PcscPort {
 public:
  virtual ~PcscPort() = default;  // releases the context
  virtual Pcsc establish() = 0;
  virtual void release() = 0;
  virtual Pcsc listReaders(std::vector<std::string>& names) = 0;  // none: Ok and empty
  // Returns when a state differs from `current` (0: at once), at the timeout, or when cancelled.
  virtual Pcsc statusChange(std::chrono::milliseconds timeout, std::vector<ReaderState>& states) = 0;
  // Ends a wait that goes on now; one that begins later is not ended.
  virtual void cancel() = 0;
  // Shared; T=0 or T=1.
  virtual Pcsc connect(const std::string& reader, CardHandle& card, bool& t0) = 0;
  virtual Pcsc beginTransaction(CardHandle card) = 0;  // waits while another program has one
  virtual Pcsc transmit(CardHandle card, bool t0, base::BytesView command, std::span<std::byte> reply,
                        std::size_t& size) = 0;
  // Both reset the card: else the next program could read the key without a PIN.
  virtual void endTransaction(CardHandle card) = 0;
  virtual void disconnect(CardHandle card) = 0;
};

using MakePcscPort = std::function<std::unique_ptr<PcscPort>()>;
std::unique_ptr<PcscPort> makePcscLitePort();

}  // namespace drivers::smartcard
