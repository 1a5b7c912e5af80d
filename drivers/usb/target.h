// What stands behind "usb:", and the names of slots. A stick is named by its serial number where it has one
// that no other has, else by the port it is in.
//
//   target := [ model [ "/" SERIAL / "@" PORT ] [ "#" LUN ] ]
//   model  := VVVV ":" PPPP        ; vendor and product, four hexadecimal digits each
//   PORT   := BUS "-" n *( "." n ) ; as the kernel names it: "1-4.2"
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "drivers/usb/usb_port.h"
#include "hal/base/result.h"

namespace drivers::usb {

struct Target {
  struct Model {
    std::uint16_t vendor = 0;
    std::uint16_t product = 0;
    bool operator==(const Model&) const = default;
  };
  std::optional<Model> model;
  std::string serial;  // empty: any
  std::string port;    // empty: any
  std::optional<unsigned> lun;

  // One place, which is told of also while nothing is there.
  bool isSlot() const noexcept { return !serial.empty() || !port.empty(); }
  bool fits(const Device& device) const;
};

// Errors: Invalid.
base::Result<Target> parseTarget(std::string_view text);

// A serial number that can stand in a URI: at most 126 printable ASCII characters, none of them a blank or
// one of the separators.
bool plainSerial(std::string_view serial);

std::string serialName(const Device& device);  // "0951:1666/E0D55EA5"; REQUIRES: plainSerial(device.serial)
std::string portName(const Device& device);    // "0951:1666@1-4.2"
std::string unitName(const std::string& name, unsigned lun);  // with "#1" where it is not the first

}  // namespace drivers::usb
