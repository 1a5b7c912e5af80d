// VpcdLink: a virtual card in a slot of a genuine pcscd, through the reader driver of vsmartcard-vpcd. The
// card connects to the slot's TCP port: lengths of two bytes, big-endian, before each message; one byte
// is a control byte (0 off, 1 on, 2 reset, 4 send the answer to reset), anything else a command APDU.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>

#include "tests/virtual/cards/card.h"

namespace tests {

class VpcdLink {
 public:
  // Inserts the card. It stays in the slot while pcscd is away, and is there when it comes.
  VpcdLink(std::uint16_t port, std::shared_ptr<VirtualCard> card);
  // Pulls it.
  ~VpcdLink() = default;
  VpcdLink(const VpcdLink&) = delete;
  VpcdLink& operator=(const VpcdLink&) = delete;

  // The card lost power in the middle of a command: it left the slot by itself.
  bool left() const noexcept { return left_; }

 private:
  void run(const std::stop_token& stop);
  void serve(int socket, const std::stop_token& stop);
  // What the card says to a message; empty: nothing.
  Bytes answer(BytesView message);

  const std::uint16_t port_;
  const std::shared_ptr<VirtualCard> card_;
  std::atomic<bool> left_ = false;
  std::jthread thread_;
};

}  // namespace tests
