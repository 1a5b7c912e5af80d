// hil_card: a card of tests/virtual/cards behind standard input and output, one line each. tests/hil/cards.py
// puts it into QEMU's reader, which speaks T=0.
//
//   hil_card openpgp|piv|iso|strange PIN KEY-FILE OPEN-FILE
//            the key's text in object 0103, in object 5FC109, or in the file 4B4D/4B01 under PIN 81; what all
//            may read of it in object 0101, or in the file 4B4D/2F10. An empty file: nothing there.
//   HEX      an APDU; the answer is hexadecimal digits, or "mute"
//   reset    "ok"
//   tries    those left of the PIN, and how many were given: "2 1"
//   left N   so many tries are left from now on: "ok"
//   text     the key's text, as hexadecimal digits
#include <algorithm>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>

#include "tests/virtual/cards/iso_card.h"
#include "tests/virtual/cards/openpgp_card.h"
#include "tests/virtual/cards/piv_card.h"

namespace {

using base::Bytes;

constexpr std::uint32_t kPivObject = 0x5FC109;
constexpr std::size_t kFileSize = 256;
constexpr std::uint32_t kUsed = 0x12345678, kBlank = 0x22222222;  // serial numbers of OpenPGP cards

Bytes fileOf(const char* path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  return tests::bytesOf(text);
}

unsigned digit(char c) { return unsigned(c <= '9' ? c - '0' : c - 'a' + 10); }

Bytes fromHex(std::string_view text) {
  Bytes bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2)
    bytes.push_back(static_cast<std::byte>(digit(text[i]) * 16 + digit(text[i + 1])));
  return bytes;
}

// A card of any kind, its PIN, and where its key is.
struct Held {
  std::unique_ptr<tests::VirtualCard> card;
  tests::VirtualPin* pin = nullptr;
  Bytes* key = nullptr;
};

Held openPgp(const tests::CardManner& manner, const char* pin, Bytes key, Bytes open) {
  auto card = std::make_unique<tests::OpenPgpCard>(manner, key.empty() ? kBlank : kUsed);
  card->pin.value = pin;
  card->secret = std::move(key);
  card->open = std::move(open);
  Held held{nullptr, &card->pin, &card->secret};
  held.card = std::move(card);
  return held;
}

Held piv(const tests::CardManner& manner, const char* pin, Bytes key) {
  auto card = std::make_unique<tests::PivCard>(manner);
  card->pin.value = pin;
  card->pin.value.resize(8, '\xFF');
  Held held{nullptr, &card->pin, nullptr};
  if (!key.empty()) held.key = &(card->objects[kPivObject] = std::move(key));
  held.card = std::move(card);
  return held;
}

Held iso(const tests::CardManner& manner, const char* pin, const Bytes& key, Bytes open) {
  auto card = std::make_unique<tests::IsoCard>(manner, kFileSize);
  card->pin = tests::VirtualPin{pin};
  std::copy_n(key.begin(), std::min(key.size(), kFileSize), card->key().begin());
  if (!open.empty()) card->files[{0x4B4D, 0x2F10}] = std::move(open);
  Held held{nullptr, &*card->pin, &card->key()};
  held.card = std::move(card);
  return held;
}

Held make(std::string_view kind, const char* pin, const char* keyFile, const char* openFile) {
  tests::CardManner manner;
  manner.t0 = true;
  if (kind == "openpgp") return openPgp(manner, pin, fileOf(keyFile), fileOf(openFile));
  if (kind == "piv") return piv(manner, pin, fileOf(keyFile));
  if (kind == "iso") return iso(manner, pin, fileOf(keyFile), fileOf(openFile));
  if (kind == "strange") return {std::make_unique<tests::ForeignCard>(manner)};
  return {};
}

std::string answerTo(Held& held, const std::string& line) {
  if (line == "reset") {
    held.card->reset();
    return "ok";
  }
  if (line == "tries" && held.pin != nullptr)
    return std::to_string(held.pin->left) + " " + std::to_string(held.pin->given);
  if (line.starts_with("left ") && held.pin != nullptr) {
    held.pin->left = digit(line.back());
    return "ok";
  }
  if (line == "text") return held.key == nullptr ? "" : base::toHex(*held.key);
  const std::string answer = base::toHex(held.card->transmit(fromHex(line)));
  return answer.empty() ? "mute" : answer;
}

}  // namespace

int main(int argc, char** argv) {
  Held held;
  if (argc == 5) held = make(argv[1], argv[2], argv[3], argv[4]);
  if (!held.card) {
    std::cerr << "hil_card: openpgp|piv|iso|strange PIN KEY-FILE OPEN-FILE\n";
    return 2;
  }
  for (std::string line; std::getline(std::cin, line);) std::cout << answerTo(held, line) << std::endl;
  return 0;
}
