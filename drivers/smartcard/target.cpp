#include "drivers/smartcard/target.h"

#include <charconv>

#include "hal/base/utf8.h"

namespace drivers::smartcard {
namespace {

using base::Result;

constexpr std::size_t kMostTarget = 512;  // bytes
constexpr std::size_t kMostDepth = 8;     // files in a path
constexpr std::uint16_t kMasterFile = 0x3F00;

base::Error invalid(const std::string& what) { return {base::Code::Invalid, "card: " + what}; }

// Exactly `digits` hexadecimal digits.
std::optional<unsigned> hex(std::string_view text, std::size_t digits) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (text.size() != digits || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Result<FilePath> parsePath(std::string_view text) {
  FilePath path;
  for (bool first = true, more = true; more; first = false) {
    const std::size_t slash = text.find('/');
    const auto id = hex(text.substr(0, slash), 4);
    more = slash != std::string_view::npos;
    if (more) text.remove_prefix(slash + 1);
    if (!id || path.size() == kMostDepth)
      return invalid("a file's path is up to " + std::to_string(kMostDepth) +
                     " ids of four hexadecimal digits, such as 3F00/4B4D/4B01");
    if (first && *id == kMasterFile) continue;
    path.push_back(static_cast<std::uint16_t>(*id));
  }
  if (path.empty()) return invalid("3F00 is the card itself; name a file below it");
  return path;
}

Result<void> parseOption(CardTarget& target, std::string_view name, std::string_view value) {
  if (name == "app") {
    for (const Profile& profile : profiles()) {
      if (profile.name == value) target.only = profile.application;
    }
    if (!target.only) return invalid("app= takes openpgp, piv or iso");
    return {};
  }
  if (name == "file" || name == "info") {
    auto path = parsePath(value);
    if (!path) return std::move(path).error();
    (name == "file" ? target.file : target.info) = *std::move(path);
    return {};
  }
  if (name == "pin") {
    const auto reference = hex(value, 2);
    if (!reference) return invalid("pin= takes the PIN's reference as two hexadecimal digits, such as 81");
    target.pin = static_cast<std::uint8_t>(*reference);
    return {};
  }
  return invalid("'" + std::string(name) + "' is no option; they are app, file, info and pin");
}

}  // namespace

Result<CardTarget> parseTarget(std::string_view text) {
  if (text.size() > kMostTarget || !base::validUtf8(text) || base::hasControl(text))
    return invalid("a reader's name is plain text of at most " + std::to_string(kMostTarget) + " bytes");
  CardTarget target;
  const std::size_t mark = text.find('?');
  target.reader = text.substr(0, mark);
  if (mark == std::string_view::npos) return target;
  target.options = text.substr(mark);
  for (std::string_view rest = text.substr(mark + 1); !rest.empty();) {
    const std::size_t end = rest.find('&');
    const std::string_view option = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    const std::size_t equals = option.find('=');
    if (equals == std::string_view::npos) return invalid("an option has the form name=value");
    if (auto good = parseOption(target, option.substr(0, equals), option.substr(equals + 1)); !good)
      return std::move(good).error();
  }
  const bool noFile = target.file.empty();
  if (!noFile && target.only.value_or(Application::Iso) != Application::Iso)
    return invalid("file= is for app=iso; OpenPGP and PIV have one place each for a key");
  if (noFile && (target.pin || !target.info.empty() || target.only == Application::Iso))
    return invalid("the options pin, info and app=iso belong to a file on the card; name it with file=");
  return target;
}

}  // namespace drivers::smartcard
