#include "drivers/smartcard/card_text.h"

#include <algorithm>

#include "hal/key_file.h"
#include "hal/key_file_lines.h"
#include "hal/key_file_pack.h"

namespace drivers::smartcard {
namespace {

bool fill(std::byte b) noexcept { return b == std::byte{0} || b == std::byte{0xFF}; }

bool blank(std::byte b) noexcept {
  return b == std::byte{' '} || b == std::byte{'\t'} || b == std::byte{'\r'} || b == std::byte{'\n'};
}

// The UUID of the only line with this name.
std::optional<base::Uuid> only(const std::vector<hal::KeyFileLine>& lines, std::string_view name) {
  std::optional<base::Uuid> found;
  for (const hal::KeyFileLine& line : lines) {
    if (!hal::equalIgnoringCase(line.name, name)) continue;
    if (found) return std::nullopt;
    found = base::Uuid::parse(line.value);
    if (!found) return std::nullopt;
  }
  return found;
}

}  // namespace

base::BytesView textIn(base::BytesView object) noexcept {
  const auto end = std::ranges::find_if(object, fill);
  return object.first(static_cast<std::size_t>(end - object.begin()));
}

Content contentOf(base::BytesView object) {
  const base::BytesView text = textIn(object);
  const auto rest = object.subspan(text.size());
  if (std::ranges::all_of(text, blank) && std::ranges::all_of(rest, fill)) return Content::Nothing;
  if (text.size() > hal::kMaxKeyFile) return Content::Other;
  for (const hal::KeyFileLine& line : hal::splitKeyFile(base::asText(text))) {
    if (line.section == hal::KeyFileLine::Section::Config && hal::equalIgnoringCase(line.name, "pwd"))
      return Content::Key;
  }
  return Content::Other;
}

base::Result<base::SecretBuffer> cardText(base::BytesView keyFile) {
  auto packed = hal::packKeyFile(keyFile);
  if (packed && packed->size() > kMostCardText)
    return base::Error{base::Code::Invalid, "the key file has " + std::to_string(packed->size()) +
                                                " bytes without its comments, and a card takes " +
                                                std::to_string(kMostCardText) +
                                                "; give it a shorter label, or take a disk or a stick"};
  return packed;
}

std::string openLines(base::BytesView keyFile) {
  auto lines = hal::splitKeyFile(base::asText(keyFile));
  std::erase_if(lines, [](const auto& line) { return line.section != hal::KeyFileLine::Section::Medium; });
  const auto server = only(lines, "server");
  const auto medium = only(lines, "medium");
  if (!server || !medium) return std::string(kNoOwner);
  return "server=" + server->text() + "\r\nmedium=" + medium->text() + "\r\n";
}

std::optional<Owner> ownerIn(base::BytesView openObject) {
  const base::BytesView text = textIn(openObject);
  if (text.size() > kMostOpenText) return std::nullopt;
  const auto lines = hal::splitKeyFile(base::asText(text));
  const auto server = only(lines, "server");
  const auto medium = only(lines, "medium");
  if (!server || !medium) return std::nullopt;
  return Owner{*server, *medium};
}

}  // namespace drivers::smartcard
