#include <array>
#include <charconv>
#include <cstdio>

#include "daemon/data_dir.h"
#include "hal/base/crc32.h"
#include "hal/base/rfc3339.h"
#include "hal/base/utf8.h"

namespace kmsd {
namespace {

constexpr std::array<std::string_view, 4> kNames = {"format", "server", "organisation", "created"};

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

}  // namespace

base::Result<std::string> formatServerHeader(const ServerHeader& header) {
  if (!goodOrganisation(header.organisation))
    return base::Error{base::Code::Invalid, "the organisation's name must be UTF-8 of at most " +
                                                std::to_string(kMaxOrganisation) +
                                                " bytes without control characters"};
  std::string text = "format=1\nserver=" + header.server.text() + "\norganisation=" + header.organisation +
                     "\ncreated=" + base::formatTime(header.created) + "\n";
  return text + "crc=" + crcText(text) + "\n";
}

base::Result<ServerHeader> parseServerHeader(std::string_view text) {
  std::array<std::string_view, kNames.size()> values;
  std::string_view rest = text;
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    const std::string start = std::string(kNames[i]) + "=";
    const std::size_t end = rest.find('\n');
    if (end == std::string_view::npos || !rest.starts_with(start))
      return damaged("no " + std::string(kNames[i]));
    values[i] = rest.substr(start.size(), end - start.size());
    rest.remove_prefix(end + 1);
    if (i == 0 && values[0] != "1")
      return base::Error{base::Code::Unsupported, "the server's header is of a later version than this kmsd"};
  }
  if (rest != "crc=" + crcText(text.substr(0, text.size() - rest.size())) + "\n")
    return damaged("its crc does not fit");
  const auto server = base::Uuid::parse(values[1]);
  const auto created = base::parseTime(values[3]);
  if (!server || !created || !goodOrganisation(values[2])) return damaged("a value is no such value");
  return ServerHeader{*server, std::string(values[2]), *created};
}

}  // namespace kmsd
