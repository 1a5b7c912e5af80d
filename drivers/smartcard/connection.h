// CardConnection: a card for the time of a few APDUs. Shared with other programs, but inside a transaction,
// so that none of them comes between; the card is reset at the end on every path. One thread.
#pragma once

#include <memory>
#include <string>

#include "drivers/smartcard/exchange.h"
#include "drivers/smartcard/pcsc_session.h"

namespace drivers::smartcard {

class CardConnection final : public ApduLink {
 public:
  // `shown` is the reader's name as text. Errors: NotFound (no such reader, no card in it), Unavailable /
  // MediumBusy, Denied / MediumNotPermitted, Conflict (reset by another program: try again), Io.
  static base::Result<std::unique_ptr<CardConnection>> open(PcscSession& session, const std::string& shown,
                                                            base::Deadline by);
  CardConnection(const CardConnection&) = delete;
  CardConnection& operator=(const CardConnection&) = delete;
  ~CardConnection() override;

  base::Result<std::size_t> transmit(base::BytesView command, std::span<std::byte> reply) override;
  bool t0() const noexcept override { return t0_; }
  base::BytesView atr() const noexcept override { return reader_.atr; }
  // Of the slot, taken when the card was already held: another card has another one.
  const std::string& stamp() const noexcept { return reader_.stamp; }

 private:
  CardConnection(PcscSession& session, Reader reader) : session_(session), reader_(std::move(reader)) {}
  base::Result<void> connect(base::Deadline by);
  base::Error failed(Pcsc outcome);
  bool left();

  PcscSession& session_;
  Reader reader_;
  CardHandle handle_ = 0;
  bool connected_ = false;
  bool locked_ = false;
  bool t0_ = false;
};

}  // namespace drivers::smartcard
