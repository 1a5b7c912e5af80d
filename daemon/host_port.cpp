#include "daemon/host_port.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace kmsd {
namespace {

constexpr std::size_t kHostMost = 253;  // characters of a name (RFC 1123, section 2.1)

bool isName(std::string_view host) {
  return std::ranges::all_of(host, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_';
  });
}

bool isAddress6(const std::string& host) {
  in6_addr address{};
  return ::inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

}  // namespace

std::optional<HostPort> parseHostPort(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == text.npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  const bool bracketed = host.starts_with('[') && host.ends_with(']') && host.size() > 2;
  if (bracketed) host = host.substr(1, host.size() - 2);
  HostPort out{std::string(host), 0};
  const auto [end, failed] = std::from_chars(port.data(), port.data() + port.size(), out.port);
  if (failed != std::errc() || end != port.data() + port.size()) return std::nullopt;
  if (host.empty() || host.size() > kHostMost || host.find('\0') != host.npos) return std::nullopt;
  if (bracketed ? !isAddress6(out.host) : !isName(host)) return std::nullopt;
  return out;
}

}  // namespace kmsd
