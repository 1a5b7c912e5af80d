#include <winscard.h>

#include <array>
#include <atomic>
#include <cstring>
#include <optional>

#include "drivers/smartcard/pcsc_port.h"

namespace drivers::smartcard {
namespace {

static_assert(kStateUnknown == SCARD_STATE_UNKNOWN && kStateUnavailable == SCARD_STATE_UNAVAILABLE &&
              kStatePresent == SCARD_STATE_PRESENT && kStateMute == SCARD_STATE_MUTE);
static_assert(kMostReaders < PCSCLITE_MAX_READERS_CONTEXTS);

constexpr std::size_t kMostNames = 64 * 1024;  // bytes of all readers' names

Pcsc meaning(LONG code) noexcept {
  switch (code) {
    case SCARD_S_SUCCESS:
      return Pcsc::Ok;
    case SCARD_E_TIMEOUT:
      return Pcsc::Timeout;
    case SCARD_E_CANCELLED:
      return Pcsc::Cancelled;
    case SCARD_E_NO_SERVICE:
    case SCARD_E_SERVICE_STOPPED:
      return Pcsc::NoService;
    case SCARD_F_COMM_ERROR:
    case SCARD_E_INVALID_HANDLE:
    case SCARD_F_INTERNAL_ERROR:
    case SCARD_P_SHUTDOWN:
      return Pcsc::Lost;
    case SCARD_E_UNKNOWN_READER:
    case SCARD_E_READER_UNAVAILABLE:
    case SCARD_E_INVALID_VALUE:  // what a handle says whose reader was unplugged
      return Pcsc::UnknownReader;
    case SCARD_E_NO_SMARTCARD:
      return Pcsc::NoCard;
    case SCARD_W_REMOVED_CARD:
      return Pcsc::Removed;
    case SCARD_W_RESET_CARD:
      return Pcsc::Reset;
    case SCARD_W_UNRESPONSIVE_CARD:
    case SCARD_W_UNPOWERED_CARD:
    case SCARD_W_UNSUPPORTED_CARD:
    case SCARD_E_PROTO_MISMATCH:
      return Pcsc::Mute;
    case SCARD_E_SHARING_VIOLATION:
      return Pcsc::Shared;
    case SCARD_W_SECURITY_VIOLATION:
    case SCARD_E_NO_ACCESS:
      return Pcsc::NotPermitted;
    default:
      return Pcsc::Failed;
  }
}

class PcscLitePort final : public PcscPort {
 public:
  ~PcscLitePort() override { PcscLitePort::release(); }

  Pcsc establish() override {
    SCARDCONTEXT made = 0;
    const Pcsc done = meaning(SCardEstablishContext(SCARD_SCOPE_SYSTEM, nullptr, nullptr, &made));
    if (done == Pcsc::Ok) context_ = made;
    return done;
  }
  void release() override {
    if (const SCARDCONTEXT context = context_.exchange(0); context != 0) SCardReleaseContext(context);
  }

  Pcsc listReaders(std::vector<std::string>& names) override {
    names.clear();
    for (int tries = 0; tries < 3; ++tries) {  // a reader may come between the two calls
      DWORD size = 0;
      LONG code = SCardListReaders(context_, nullptr, nullptr, &size);
      if (code == SCARD_E_NO_READERS_AVAILABLE) return Pcsc::Ok;
      if (code != SCARD_S_SUCCESS) return meaning(code);
      if (size > kMostNames) return Pcsc::Failed;
      std::string all(size, '\0');
      code = SCardListReaders(context_, nullptr, all.data(), &size);
      if (code == SCARD_E_INSUFFICIENT_BUFFER) continue;
      if (code == SCARD_E_NO_READERS_AVAILABLE) return Pcsc::Ok;
      if (code != SCARD_S_SUCCESS) return meaning(code);
      for (std::size_t at = 0; at < all.size() && all[at] != '\0'; at += names.back().size() + 1)
        names.emplace_back(all.c_str() + at);
      return Pcsc::Ok;
    }
    return Pcsc::Failed;
  }

  Pcsc statusChange(std::chrono::milliseconds timeout, std::vector<ReaderState>& states) override {
    std::vector<SCARD_READERSTATE> raw(states.size());
    for (std::size_t i = 0; i < states.size(); ++i) {
      raw[i].szReader = states[i].name.c_str();
      raw[i].dwCurrentState = states[i].current;
    }
    const Pcsc done = meaning(SCardGetStatusChange(context_, static_cast<DWORD>(timeout.count()), raw.data(),
                                                   static_cast<DWORD>(raw.size())));
    if (done != Pcsc::Ok && done != Pcsc::Timeout) return done;
    for (std::size_t i = 0; i < states.size(); ++i) {
      states[i].event = static_cast<std::uint32_t>(raw[i].dwEventState);
      const auto atr = std::as_bytes(std::span(raw[i].rgbAtr));
      const auto size = std::min<std::size_t>(raw[i].cbAtr, atr.size());
      states[i].atr.assign(atr.begin(), atr.begin() + static_cast<std::ptrdiff_t>(size));
    }
    return done;
  }

  void cancel() override {
    if (const SCARDCONTEXT context = context_; context != 0) SCardCancel(context);
  }

  Pcsc connect(const std::string& reader, CardHandle& card, bool& t0) override {
    SCARDHANDLE handle = 0;
    DWORD protocol = 0;
    const LONG code = SCardConnect(context_, reader.c_str(), SCARD_SHARE_SHARED,
                                   SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1, &handle, &protocol);
    card = handle;
    t0 = protocol == SCARD_PROTOCOL_T0;
    return meaning(code);
  }
  Pcsc beginTransaction(CardHandle card) override { return meaning(SCardBeginTransaction(card)); }

  Pcsc transmit(CardHandle card, bool t0, base::BytesView command, std::span<std::byte> reply,
                std::size_t& size) override {
    const SCARD_IO_REQUEST send = {static_cast<unsigned long>(t0 ? SCARD_PROTOCOL_T0 : SCARD_PROTOCOL_T1),
                                   sizeof(SCARD_IO_REQUEST)};
    DWORD length = reply.size();
    const LONG code =
        SCardTransmit(card, &send, reinterpret_cast<const unsigned char*>(command.data()), command.size(),
                      nullptr, reinterpret_cast<unsigned char*>(reply.data()), &length);
    size = code == SCARD_S_SUCCESS ? std::min<std::size_t>(length, reply.size()) : 0;
    return meaning(code);
  }
  void endTransaction(CardHandle card) override { SCardEndTransaction(card, SCARD_RESET_CARD); }
  void disconnect(CardHandle card) override { SCardDisconnect(card, SCARD_RESET_CARD); }

 private:
  std::atomic<SCARDCONTEXT> context_ = 0;
};

}  // namespace

std::unique_ptr<PcscPort> makePcscLitePort() { return std::make_unique<PcscLitePort>(); }

}  // namespace drivers::smartcard
