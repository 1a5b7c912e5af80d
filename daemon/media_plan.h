// What may be overwritten, and what a new medium is called: the decisions behind `setup` and `medium`, apart
// from the doing.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hal/driver.h"
#include "hal/key_file.h"

namespace kmsd {

enum class Holding : std::uint8_t {
  Absent,   // nothing in the slot
  Nothing,  // an unformatted medium
  NoKey,    // a volume without a key file; perhaps with others
  Other,    // something that is no key disk
  Key       // a key file, sound or damaged
};

// A medium as it was found before anything is written.
struct Found {
  hal::MediumId id;
  Holding holding = Holding::Absent;
  bool creatable = false;  // where absent: writing makes it
  bool writeProtected = false;
  std::optional<hal::MediumIdentity> identity;
};

// Errors: what neither leaves the medium usable nor tells what it holds.
base::Result<Holding> holdingOf(const base::Error& readError);

// Stands for the id of a key medium that tells none (typed by hand, or damaged).
inline constexpr std::string_view kUnnamed = "unnamed";
std::string destroyName(const Found& found);

struct Consents {
  bool format = false;
  std::vector<std::string> destroy;  // medium ids, or kUnnamed, whose keys may be lost
};

// How far a write to it may go. Errors: NotFound / AwaitingMedium; Denied / MediumReadOnly; Conflict /
// MediumHoldsFiles or MediumHoldsKey, naming the option that consents.
base::Result<hal::Overwrite> consentFor(const Found& found, const Consents& consents);
// Errors: Invalid, for a --destroy-key that is no id, or whose medium is not among those found.
base::Result<void> checkDestroy(const Consents& consents, const std::vector<Found>& found);
// Errors: Invalid where two are in the same place.
base::Result<void> checkDistinct(const std::vector<Found>& found);

// "Acme 2": the organisation, cut between characters so that all of it fits hal::kMaxLabel, and a number.
std::string mediumLabel(std::string_view organisation, std::size_t number);

// What stands in a directory that is to become a data directory.
enum class Ground : std::uint8_t { Empty, Server, Foreign };
struct GroundFound {
  Ground ground = Ground::Empty;
  std::string foreign;  // the first thing that is not ours
};
GroundFound judgeGround(std::vector<std::string> names);

inline constexpr std::string_view kStage = "security.new";  // a setup under way, or one that was interrupted

}  // namespace kmsd
