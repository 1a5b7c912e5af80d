// OperatorAsk: PINs and consent for the commands that make and read media, from whoever typed the command: by
// the file that he named, else at the terminal. A PIN that a card took is kept until the command ends, so
// that one command asks once.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>

#include "hal/driver.h"

namespace kmsd {

class OperatorAsk final : public hal::Ask {
 public:
  // `pinFile` empty: PINs are typed.
  explicit OperatorAsk(std::filesystem::path pinFile = {}) : pinFile_(std::move(pinFile)) {}

  // A wrong PIN from the file would block a card that has one try left: that card's is typed.
  base::Result<base::SecretBuffer> pin(const hal::PinQuestion& question) override;
  base::Result<bool> confirm(const std::string& question) override;

 private:
  struct Kept {
    std::string card;
    unsigned triesLeft = 0;
    base::SecretBuffer pin;
  };
  base::Result<base::SecretBuffer> fresh(const hal::PinQuestion& question);

  const std::filesystem::path pinFile_;
  std::optional<Kept> kept_;
};

// "it asks for its PIN (OpenPGP, 3 tries left)"
std::string asksForPin(const hal::PinQuestion& question);

// Gives no PIN, and remembers the card that asked for one.
class PinSight final : public hal::Ask {
 public:
  base::Result<base::SecretBuffer> pin(const hal::PinQuestion& question) override;
  base::Result<bool> confirm(const std::string& question) override;
  // The last question since the one before was taken.
  std::optional<hal::PinQuestion> take() { return std::exchange(seen_, std::nullopt); }

 private:
  std::optional<hal::PinQuestion> seen_;
};

}  // namespace kmsd
