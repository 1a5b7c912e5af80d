#include "hal/key_file.h"

#include <algorithm>
#include <charconv>

#include "hal/base/rfc3339.h"
#include "hal/base/utf8.h"
#include "hal/key_file_lines.h"

namespace hal {
namespace {

using base::Code;
using base::Error;
using base::Reason;
using base::Result;
using Section = KeyFileLine::Section;

constexpr std::string_view kBom = "\xEF\xBB\xBF";

Error damaged(const std::string& what) {
  return {Code::Corrupt, "the disk is damaged: " + what, Reason::Damaged};
}

bool named(const KeyFileLine& line, std::string_view name) { return equalIgnoringCase(line.name, name); }

// The value of the one line of this name; nothing where there is none or a second one.
std::optional<std::string_view> only(const std::vector<KeyFileLine>& lines, std::string_view name) {
  std::optional<std::string_view> value;
  for (const KeyFileLine& line : lines) {
    if (!named(line, name)) continue;
    if (value) return std::nullopt;
    value = line.value;
  }
  return value;
}

std::optional<std::uint32_t> hex32(std::string_view text) {
  std::uint32_t value = 0;
  if (text.size() != 8) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// How many shares open together; nothing where that is no such number.
std::optional<std::uint8_t> parseThreshold(std::string_view text) {
  std::uint8_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 2) return std::nullopt;
  return value;
}

// The identity, if every field is there once and sound and the crc fits.
std::optional<MediumIdentity> parseIdentity(const std::vector<KeyFileLine>& medium) {
  const auto server = base::Uuid::parse(only(medium, "server").value_or(""));
  const auto id = base::Uuid::parse(only(medium, "medium").value_or(""));
  const auto label = only(medium, "label");
  const auto created = base::parseTime(only(medium, "created").value_or(""));
  const auto crc = hex32(only(medium, "crc").value_or(""));
  if (!server || !id || !label || !created || crc != mediumCrc(medium)) return std::nullopt;
  if (label->size() > kMaxLabel || !base::validUtf8(*label) || base::hasControl(*label)) return std::nullopt;
  return MediumIdentity{*server, *id, std::string(*label), *created};
}

// Whether a line is one of a later version, to be kept: plain text of one line. A value that is a sound key
// or share is not; it stands in the wrong line by mistake.
bool keepsUnknown(const KeyFileLine& line) {
  for (const std::string_view known : {"server", "medium", "label", "created", "threshold", "crc"}) {
    if (named(line, known)) return false;
  }
  for (const std::string_view part : {line.name, line.value}) {
    if (!base::validUtf8(part) || base::hasControl(part)) return false;
  }
  return !parseTyped(line.value);
}

struct Sorted {
  const KeyFileLine* pwd = nullptr;
  std::vector<KeyFileLine> medium;
};

Result<Sorted> sortLines(const std::vector<KeyFileLine>& lines) {
  Sorted sorted;
  for (const KeyFileLine& line : lines) {
    const std::string where = "line " + std::to_string(line.number) + " of " + std::string(kKeyFileName);
    if (named(line, "pwd") && line.section != Section::Other) {
      if (line.section != Section::Config)
        return damaged(where + " has its pwd outside the section [config]");
      if (sorted.pwd != nullptr) return damaged(where + " is a second pwd line; only one may stand there");
      sorted.pwd = &line;
    } else if (line.section == Section::Medium) {
      sorted.medium.push_back(line);
    }
  }
  if (sorted.pwd == nullptr)
    return damaged(std::string(kKeyFileName) + " has no line pwd= in a section [config]");
  return sorted;
}

// The section [medium], where there is one. A share has a threshold in it, and a whole key has none.
void readMedium(const std::vector<KeyFileLine>& medium, KeyFile& file) {
  if (medium.empty()) return;
  const bool told = std::ranges::any_of(medium, [](const auto& line) { return named(line, "threshold"); });
  const auto threshold = parseThreshold(only(medium, "threshold").value_or(""));
  if (file.share ? threshold.has_value() : !told) file.identity = parseIdentity(medium);
  file.identityDamaged = !file.identity;
  if (file.identity && file.share) file.share->threshold = *threshold;
}

}  // namespace

Result<KeyFile> parseKeyFile(base::BytesView bytes) {
  std::string_view text = base::asText(bytes);
  if (text.size() > kMaxKeyFile)
    return damaged(std::string(kKeyFileName) + " is larger than " + std::to_string(kMaxKeyFile) + " bytes");
  if (text.find('\0') != std::string_view::npos)
    return damaged(std::string(kKeyFileName) + " is no plain text; save it as ASCII or UTF-8");
  if (text.starts_with(kBom)) text.remove_prefix(kBom.size());
  const auto lines = splitKeyFile(text);
  const auto sorted = sortLines(lines);
  if (!sorted) return sorted.error();
  auto typed = parseTyped(sorted->pwd->value);
  if (!typed) {
    Error error = std::move(typed).error();
    error.what = "the disk is damaged: in line " + std::to_string(sorted->pwd->number) + " of " +
                 std::string(kKeyFileName) + " " + error.what;
    return error;
  }
  KeyFile file{std::move(typed->key), std::nullopt, false, {}};
  if (typed->share != 0) file.share = KeyShare{typed->share, 0};
  readMedium(sorted->medium, file);
  for (const KeyFileLine& line : sorted->medium) {
    if (keepsUnknown(line)) file.unknown.push_back(std::string(line.name) + "=" + std::string(line.value));
  }
  return file;
}

}  // namespace hal
