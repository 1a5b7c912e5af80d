// hil_card: an OpenPGP card of tests/virtual/cards behind standard input and output, one line each.
// tests/hil/vsc.py puts it into QEMU's reader, which speaks T=0.
//
//   hil_card PIN PRIVATE-FILE OPEN-FILE     objects 0103 and 0101
//   HEX      an APDU; the answer is hexadecimal digits, or "mute"
//   reset    "ok"
//   tries    those left of the PIN, and how many were given: "2 1"
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <string_view>

#include "tests/virtual/cards/openpgp_card.h"

namespace {

base::Bytes fileOf(const char* path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  const auto bytes = base::asBytes(text);
  return {bytes.begin(), bytes.end()};
}

unsigned digit(char c) { return unsigned(c <= '9' ? c - '0' : c - 'a' + 10); }

base::Bytes fromHex(std::string_view text) {
  base::Bytes bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2)
    bytes.push_back(static_cast<std::byte>(digit(text[i]) * 16 + digit(text[i + 1])));
  return bytes;
}

std::string toHex(const base::Bytes& bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const std::byte one : bytes) {
    text += kDigits[std::to_integer<unsigned>(one) >> 4U];
    text += kDigits[std::to_integer<unsigned>(one) & 0xFU];
  }
  return text;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "hil_card: PIN PRIVATE-FILE OPEN-FILE\n";
    return 2;
  }
  tests::CardManner manner;
  manner.t0 = true;
  tests::OpenPgpCard card(manner);
  card.pin.value = argv[1];
  card.secret = fileOf(argv[2]);
  card.open = fileOf(argv[3]);
  for (std::string line; std::getline(std::cin, line);) {
    if (line == "reset") {
      card.reset();
      std::cout << "ok" << std::endl;
    } else if (line == "tries") {
      std::cout << card.pin.left << " " << card.pin.given << std::endl;
    } else {
      const std::string answer = toHex(card.transmit(fromHex(line)));
      std::cout << (answer.empty() ? "mute" : answer) << std::endl;
    }
  }
  return 0;
}
