// What the tests of the smartcard driver share: a scripted service and a driver over it.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <vector>

#include "drivers/smartcard/smartcard_driver.h"
#include "hal/base/file.h"
#include "tests/unit/smartcard/scripted_pcsc.h"
#include "tests/virtual/cards/iso_card.h"
#include "tests/virtual/cards/openpgp_card.h"
#include "tests/virtual/cards/piv_card.h"
#include "tests/virtual/cards/typist.h"

namespace tests {

inline constexpr const char* kReader = "Acme Reader 00 00";

// A driver over the scripted service, with one reader.
class CardBench : public ::testing::Test {
 protected:
  CardBench() { world->plug(kReader); }
  ~CardBench() override { world->release(); }

  static base::Deadline soon() { return base::Deadline::in(std::chrono::seconds(10)); }
  void use(const std::string& target) {
    auto parsed = drivers::smartcard::parseTarget(target);
    ASSERT_TRUE(parsed) << parsed.error().what;
    options = parsed->options;
    driver = std::make_unique<drivers::smartcard::SmartcardDriver>(*std::move(parsed), world->ports());
  }
  hal::MediumId slot() const { return {"card", kReader + options}; }
  void insert(std::shared_ptr<VirtualCard> card) { world->insert(kReader, std::move(card)); }

  base::Result<std::string> read(hal::Ask& ask, base::Deadline by = soon()) {
    auto medium = driver->open(slot(), hal::Access::Read, ask, by);
    if (!medium) return std::move(medium).error();
    auto text = (*medium)->readKeyFile(by);
    if (!text) return std::move(text).error();
    return std::string(text->text());
  }
  base::Result<void> write(hal::Ask& ask, const std::string& text, hal::Overwrite consent) {
    auto medium = driver->open(slot(), hal::Access::Write, ask, soon());
    if (!medium) return std::move(medium).error();
    return (*medium)->writeKeyFile(base::asBytes(text), consent, soon());
  }
  hal::Slot look() {
    auto slots = driver->scan(soon());
    EXPECT_TRUE(slots);
    if (!slots || slots->empty()) return {};
    return slots->front();
  }

  std::shared_ptr<ScriptedPcsc> world = ScriptedPcsc::make();
  std::unique_ptr<drivers::smartcard::SmartcardDriver> driver;
  std::string options;
};

}  // namespace tests
