#include "drivers/usb/target.h"

#include <algorithm>
#include <charconv>

#include "drivers/usb/bot.h"

namespace drivers::usb {
namespace {

constexpr std::size_t kMaxSerial = 126;  // characters of a USB string descriptor
constexpr std::size_t kMaxPort = 32;     // "255-" and seven ports below each other
constexpr std::size_t kModelSize = 9;    // "VVVV:PPPP"

std::optional<std::uint16_t> hex4(std::string_view text) {
  std::uint16_t value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (text.size() != 4 || failed != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<Target::Model> modelOf(std::string_view text) {
  if (text.size() != kModelSize || text[4] != ':') return std::nullopt;
  const auto vendor = hex4(text.substr(0, 4));
  const auto product = hex4(text.substr(5));
  if (!vendor || !product) return std::nullopt;
  return Target::Model{*vendor, *product};
}

std::optional<unsigned> lunOf(std::string_view text) {
  unsigned value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc() || end != text.data() + text.size() || value > kMostLun) return std::nullopt;
  return value;
}

bool plainPort(std::string_view port) {
  const std::size_t dash = port.find('-');
  const auto digitsAndDots = [](std::string_view text) {
    return !text.empty() && text.front() != '.' && text.back() != '.' && text.find("..") == text.npos &&
           text.find_first_not_of("0123456789.") == text.npos;
  };
  return port.size() <= kMaxPort && dash != port.npos && digitsAndDots(port.substr(0, dash)) &&
         digitsAndDots(port.substr(dash + 1));
}

std::string modelName(const Device& device) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (const unsigned value : {unsigned{device.vendor}, unsigned{device.product}}) {
    if (!out.empty()) out.push_back(':');
    for (int shift = 12; shift >= 0; shift -= 4) out.push_back(kDigits[(value >> shift) & 0xFU]);
  }
  return out;
}

}  // namespace

bool Target::fits(const Device& device) const {
  if (model && *model != Model{device.vendor, device.product}) return false;
  if (!serial.empty() && serial != device.serial) return false;
  return port.empty() || port == device.port;
}

base::Result<Target> parseTarget(std::string_view text) {
  const base::Error invalid{base::Code::Invalid,
                            "usb: takes nothing, VVVV:PPPP, VVVV:PPPP/SERIAL or VVVV:PPPP@BUS-PORT, "
                            "with #NUMBER for one slot of a card reader"};
  Target target;
  if (text.empty()) return target;
  target.model = modelOf(text.substr(0, kModelSize));
  if (!target.model) return invalid;
  text.remove_prefix(kModelSize);
  if (const std::size_t at = text.rfind('#'); at != text.npos) {
    target.lun = lunOf(text.substr(at + 1));
    if (!target.lun) return invalid;
    text = text.substr(0, at);
  }
  if (text.empty()) return target;
  const std::string_view rest = text.substr(1);
  if (text.front() == '/' && plainSerial(rest)) {
    target.serial = rest;
  } else if (text.front() == '@' && plainPort(rest)) {
    target.port = rest;
  } else {
    return invalid;
  }
  return target;
}

bool plainSerial(std::string_view serial) {
  return !serial.empty() && serial.size() <= kMaxSerial &&
         std::all_of(serial.begin(), serial.end(),
                     [](char c) { return c > ' ' && c <= '~' && c != '/' && c != '#' && c != '@'; });
}

std::string serialName(const Device& device) { return modelName(device) + "/" + device.serial; }
std::string portName(const Device& device) { return modelName(device) + "@" + device.port; }
std::string unitName(const std::string& name, unsigned lun) {
  return lun == 0 ? name : name + "#" + std::to_string(lun);
}

}  // namespace drivers::usb
