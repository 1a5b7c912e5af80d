#include "daemon/media_plan.h"

#include <algorithm>
#include <filesystem>

namespace kmsd {
namespace {

using base::Code;
using base::Reason;

// Two names of one place look alike where links are resolved; what still hides is found when all media are
// read back.
std::string placeOf(const hal::MediumId& id) {
  if (!id.slot.starts_with('/')) return id.uri();
  std::error_code failed;
  const auto path = std::filesystem::weakly_canonical(id.slot, failed);
  return failed ? id.slot : path.string();
}

}  // namespace

base::Result<Holding> holdingOf(const base::Error& readError) {
  switch (readError.reason) {
    case Reason::Unformatted:
      return Holding::Nothing;
    case Reason::Blank:
      return Holding::NoKey;
    case Reason::NotFat:
      return Holding::Other;
    case Reason::Damaged:
      return Holding::Key;
    default:
      return readError;
  }
}

std::string destroyName(const Found& found) {
  return found.identity ? found.identity->medium.text() : std::string(kUnnamed);
}

base::Result<hal::Overwrite> consentFor(const Found& found, const Consents& consents) {
  const std::string uri = found.id.uri();
  if (found.holding == Holding::Absent && !found.creatable)
    return base::Error{Code::NotFound, "there is no medium in " + uri + "; insert one",
                       Reason::AwaitingMedium};
  if (found.writeProtected)
    return base::Error{Code::Denied, uri + " is write-protected; allow writing or take another medium",
                       Reason::MediumReadOnly};
  switch (found.holding) {
    case Holding::Absent:
    case Holding::Nothing:
      return hal::Overwrite::Empty;
    case Holding::NoKey:
      return consents.format ? hal::Overwrite::Files : hal::Overwrite::Empty;
    case Holding::Other:
      if (consents.format) return hal::Overwrite::Files;
      return base::Error{Code::Conflict,
                         uri + " holds other data; --format makes it a key medium and loses them",
                         Reason::MediumHoldsFiles};
    case Holding::Key:
      break;
  }
  const std::string name = destroyName(found);
  const bool named = std::ranges::find(consents.destroy, name) != consents.destroy.end();
  if (named) return hal::Overwrite::Key;
  return base::Error{
      Code::Conflict,
      uri + " holds a key, perhaps the only one of a server; --destroy-key " + name + " loses it",
      Reason::MediumHoldsKey};
}

base::Result<void> checkDestroy(const Consents& consents, const std::vector<Found>& found) {
  for (const std::string& wanted : consents.destroy) {
    if (wanted != kUnnamed && !base::Uuid::parse(wanted))
      return base::Error{Code::Invalid, "--destroy-key takes a medium id or '" + std::string(kUnnamed) +
                                            "', not '" + wanted + "'"};
    const bool here = std::ranges::any_of(
        found, [&](const Found& one) { return one.holding == Holding::Key && destroyName(one) == wanted; });
    if (!here)
      return base::Error{Code::Invalid,
                         "--destroy-key " + wanted + " fits none of the media that are inserted"};
  }
  return {};
}

base::Result<void> checkDistinct(const std::vector<Found>& found) {
  for (std::size_t i = 0; i < found.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (placeOf(found[i].id) == placeOf(found[j].id))
        return base::Error{Code::Invalid,
                           found[i].id.uri() + " is named twice; each medium needs its own place"};
    }
  }
  return {};
}

std::string mediumLabel(std::string_view organisation, std::size_t number) {
  const std::string tail = " " + std::to_string(number);
  if (organisation.empty()) organisation = "keydisk";
  std::size_t size = std::min(organisation.size(), hal::kMaxLabel - tail.size());
  const auto continues = [&](std::size_t at) {  // a byte inside a UTF-8 sequence
    return at < organisation.size() && (static_cast<unsigned char>(organisation[at]) & 0xC0U) == 0x80U;
  };
  while (size > 0 && continues(size)) --size;
  while (size > 0 && organisation[size - 1] == ' ') --size;
  return std::string(organisation.substr(0, size)) + tail;
}

GroundFound judgeGround(std::vector<std::string> names) {
  std::ranges::sort(names);
  if (std::ranges::find(names, "security") != names.end()) return {Ground::Server, {}};
  for (const std::string& name : names) {
    if (name != kStage && name != "lost+found" && !name.starts_with("security.bak"))
      return {Ground::Foreign, name};
  }
  return {};
}

}  // namespace kmsd
