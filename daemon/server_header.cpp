#include <array>
#include <cstdio>
#include <optional>

#include "daemon/data_dir.h"
#include "hal/base/crc32.h"
#include "hal/base/rfc3339.h"
#include "hal/base/utf8.h"
#include "kms/keys/slot.h"

namespace kmsd {
namespace {

constexpr std::string_view kPlain = "1";      // the format without slots, of before they were mirrored
constexpr std::string_view kWithSlots = "2";  // the one that is written
constexpr std::string_view kSlot = "slot=";

base::Error damaged(const std::string& why) {
  return {base::Code::Corrupt, "the server's header is damaged (" + why + "); restore a backup"};
}

std::string crcText(std::string_view text) {
  std::array<char, 9> hex{};
  std::snprintf(hex.data(), hex.size(), "%08x", base::crc32(base::asBytes(text)));
  return std::string(hex.data());
}

bool goodOrganisation(std::string_view text) {
  return text.size() <= kMaxOrganisation && base::validUtf8(text) && !base::hasControl(text);
}

std::optional<unsigned> digitOf(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
  return std::nullopt;
}

// The header of a slot in small hexadecimal digits. What it says is for who reads it to judge.
std::optional<base::Bytes> parseSlot(std::string_view hex) {
  base::Bytes bytes;
  if (hex.size() != 2 * kms::SlotHeader::kSize) return std::nullopt;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    const auto high = digitOf(hex[i]);
    const auto low = digitOf(hex[i + 1]);
    if (!high || !low) return std::nullopt;
    bytes.push_back(static_cast<std::byte>(*high << 4U | *low));
  }
  return bytes;
}

// Takes "NAME=VALUE\n" off the front of `rest`.
std::optional<std::string_view> take(std::string_view& rest, std::string_view name) {
  const std::size_t end = rest.find('\n');
  if (end == std::string_view::npos || !rest.starts_with(name) || rest.substr(name.size(), 1) != "=")
    return std::nullopt;
  const std::string_view value = rest.substr(name.size() + 1, end - name.size() - 1);
  rest.remove_prefix(end + 1);
  return value;
}

}  // namespace

base::Result<std::string> formatServerHeader(const ServerHeader& header) {
  if (!goodOrganisation(header.organisation))
    return base::Error{base::Code::Invalid, "the organisation's name must be UTF-8 of at most " +
                                                std::to_string(kMaxOrganisation) +
                                                " bytes without control characters"};
  std::string text = "format=" + std::string(kWithSlots) + "\nserver=" + header.server.text() +
                     "\norganisation=" + header.organisation +
                     "\ncreated=" + base::formatTime(header.created) + "\n";
  for (const base::Bytes& slot : header.slots) text += std::string(kSlot) + base::toHex(slot) + "\n";
  return text + "crc=" + crcText(text) + "\n";
}

base::Result<ServerHeader> parseServerHeader(std::string_view text) {
  std::string_view rest = text;
  const auto format = take(rest, "format");
  if (!format) return damaged("no format");
  if (*format != kPlain && *format != kWithSlots)
    return base::Error{base::Code::Unsupported, "the server's header is of a later version than this kmsd"};
  std::array<std::string_view, 3> values;
  constexpr std::array<std::string_view, 3> kNames = {"server", "organisation", "created"};
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    const auto value = take(rest, kNames[i]);
    if (!value) return damaged("no " + std::string(kNames[i]));
    values[i] = *value;
  }
  ServerHeader header;
  while (*format == kWithSlots && rest.starts_with(kSlot) && header.slots.size() < kMaxSlots) {
    auto slot = parseSlot(take(rest, "slot").value_or(""));
    if (!slot) return damaged("a slot is none");
    header.slots.push_back(*std::move(slot));
  }
  if (rest != "crc=" + crcText(text.substr(0, text.size() - rest.size())) + "\n")
    return damaged("its crc does not fit");
  const auto server = base::Uuid::parse(values[0]);
  const auto created = base::parseTime(values[2]);
  if (!server || !created || !goodOrganisation(values[1])) return damaged("a value is no such value");
  header.server = *server;
  header.organisation = std::string(values[1]);
  header.created = *created;
  return header;
}

}  // namespace kmsd
