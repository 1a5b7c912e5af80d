// "HOST:PORT" as the command lines take it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kmsd {

struct HostPort {
  std::string host;  // a name or an address, without brackets
  std::uint16_t port = 0;
};

// A name, an IPv4 address, or an IPv6 address in brackets; then a port from 0. Nothing for anything else.
std::optional<HostPort> parseHostPort(std::string_view text);

}  // namespace kmsd
