// What the tests of cards share: a person who types, targets, key texts.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "hal/driver.h"

namespace tests {

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

}  // namespace tests
