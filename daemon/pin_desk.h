// PinDesk: decides whether a card gets a PIN, and which. It answers kmsd-media's questions for `kmsd run`.
// A card gets one only where it says without PIN that it carries this server's key, or where it is known from
// an earlier opening, or where an administrator named its number. Nothing is tried by itself when one try is
// left or they cannot be read, or what the card refused before. Used by the keeper's thread.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "daemon/pin_ledger.h"
#include "hal/base/uuid.h"
#include "hal/driver.h"

namespace kmsd {

// A PIN that was typed for one unsealing, or an administrator's word that the file's may be tried.
struct PinOrder {
  std::optional<base::SecretBuffer> pin;  // typed; none: the file's
  std::string card;      // for this card alone, although it may show no server; empty: whichever may have it
  bool lastTry = false;  // also with one try left, or an unknown number
  bool given = false;    // a PIN went to a card: this order is spent
};

class PinDesk final : public hal::Ask {
 public:
  // `pinFile` empty: PINs are typed. `ledger` is read at the first question.
  PinDesk(const base::Uuid& server, std::filesystem::path pinFile, PinLedger ledger)
      : server_(server), pinFile_(std::move(pinFile)), ledger_(std::move(ledger)) {}

  // Before a medium is read. Null: by itself. An order is for one card: once a PIN was given by it, no second
  // card gets any.
  void begin(PinOrder* order);
  base::Result<base::SecretBuffer> pin(const hal::PinQuestion& question) override;
  base::Result<bool> confirm(const std::string& question) override;  // Unavailable: nobody is here
  // After it was read. `failure`: why it was not; null: the key file was read.
  base::Result<void> end(const base::Error* failure);
  // What was read last opened the server: if it was a card, it is known from now on.
  base::Result<void> opened();

  // Why the last question got no PIN; takes the place of what kmsd-media makes of that.
  const std::optional<base::Error>& refusal() const noexcept { return refusal_; }

 private:
  base::Result<void> mayHave(const hal::PinQuestion& question) const;
  base::Result<base::SecretBuffer> fromFile(const hal::PinQuestion& question);
  base::Result<base::SecretBuffer> decide(const hal::PinQuestion& question);

  const base::Uuid server_;
  const std::filesystem::path pinFile_;
  PinLedger ledger_;
  PinOrder* order_ = nullptr;
  bool given_ = false;  // a PIN, since begin()
  std::string card_;    // to which; empty: one without a number
  std::string source_;  // of that PIN; empty: typed
  std::optional<base::Error> refusal_;
};

}  // namespace kmsd
