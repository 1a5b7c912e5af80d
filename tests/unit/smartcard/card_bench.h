// What the tests of the smartcard driver share: a scripted service, a person who types, key texts.
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

namespace tests {

inline constexpr const char* kReader = "Acme Reader 00 00";
inline constexpr const char* kFileTarget = "?file=3F00/4B4D/4B01";
inline constexpr const char* kFilePinTarget = "?file=4B4D/4B01&pin=81";
inline constexpr const char* kServer = "0f1e2d3c-4b5a-4978-8695-a4b3c2d1e0ff";
inline constexpr const char* kMedium = "11112222-3333-4444-8555-666677778888";

// A key file as it stands on a card: a [config] with this character as its pwd, and a [medium].
inline std::string packedText(char filler) {
  return "[config]\r\npwd=" + std::string(14, filler) + "\r\n[medium]\r\nserver=" + kServer +
         "\r\nmedium=" + kMedium + "\r\nlabel=Safe\r\ncreated=2026-01-31T12:00:00Z\r\ncrc=00000000\r\n";
}
inline std::string ownerLines() {
  return std::string("server=") + kServer + "\r\nmedium=" + kMedium + "\r\n";
}

// Somebody at the keyboard: types what is told, and does something else before that.
class Typist final : public hal::Ask {
 public:
  explicit Typist(std::string types = "123456") : types_(std::move(types)) {}
  base::Result<base::SecretBuffer> pin(const hal::PinQuestion& question) override {
    questions.push_back(question);
    if (before) before();
    if (refusal) return *refusal;
    return base::SecretBuffer::copyOf(base::asBytes(types_));
  }
  base::Result<bool> confirm(const std::string&) override { return false; }

  std::vector<hal::PinQuestion> questions;
  std::function<void()> before;
  std::optional<base::Error> refusal;

 private:
  std::string types_;
};

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
