// What the tests over the genuine pcscd share: it, the cards in its slots, and a driver of card:.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "hal/driver.h"
#include "tests/virtual/cards/iso_card.h"
#include "tests/virtual/cards/openpgp_card.h"
#include "tests/virtual/cards/piv_card.h"
#include "tests/virtual/cards/typist.h"
#include "tests/virtual/pcscd.h"
#include "tests/virtual/vpcd_link.h"

namespace tests {

class PcscBench : public ::testing::Test {
 protected:
  static base::Deadline soon() { return base::Deadline::in(std::chrono::seconds(10)); }

  // A driver of card:TARGET, from now on.
  void use(const std::string& target = {});
  // Returns when the driver sees the card there.
  void insert(std::shared_ptr<VirtualCard> card, unsigned slot = 0);
  // Returns when the driver sees that it is gone.
  void pull(unsigned slot = 0);

  std::vector<hal::Slot> slots();
  // As the driver sees it; empty where it does not know the slot.
  hal::Slot look(unsigned slot = 0);
  // Waits, by waitForChange, until the slot has a card or has none; fails the test after 10 s.
  void expectPresent(bool present, unsigned slot = 0);
  base::Result<std::string> read(hal::Ask& ask, unsigned slot = 0);
  // The key text; where it cannot be read, why.
  std::string text(hal::Ask& ask, unsigned slot);
  base::Result<void> write(hal::Ask& ask, const std::string& text, hal::Overwrite consent);

  Pcscd pcscd;
  std::array<std::unique_ptr<VpcdLink>, Pcscd::kSlots> links;
  std::unique_ptr<hal::Driver> driver;

 private:
  hal::MediumId idOf(unsigned slot) const;
  std::string options_;
};

}  // namespace tests
