// The media of a split key: the shares as key files, and the writing of several media in one drive.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "daemon/media_port.h"
#include "hal/base/rng.h"
#include "kms/keys/slot.h"

namespace kmsd {

// "2/3": any 2 of 3 shares open. Errors: Invalid (no such form, fewer than 2 needed, more than 16 made).
base::Result<kms::Share> parseShares(std::string_view text);

// The key files of all shares of `key`, in the order of their numbers. `set`: the server, the id of the set,
// when it was made; the label names the organisation, and each share's ends in its number. Errors: as
// base::splitSecret.
base::Result<std::vector<hal::KeyFile>> splitKey(const base::MasterKey& key, const hal::MediumIdentity& set,
                                                 const kms::Share& shares, base::Rng& rng);

// Consent by options or, where a key is to be lost, by the medium's id typed at the terminal, which is then
// added to `consents`. Errors: as consentFor and askLine.
base::Result<hal::Overwrite> agreeTo(const Found& found, Consents& consents);

// One of several media that are made in the same drive.
struct Turn {
  std::string uri;
  std::string name;  // "share 2 of 3"
  hal::Ask* ask = nullptr;
  std::filesystem::path driverDir{};
  std::vector<base::Uuid> keep{};  // ids of media that are not written, whatever somebody types
};

// Asks for the medium, until one is written and read back: what is wrong with a medium is told, and another
// one asked for. Errors: Unavailable (nobody can be asked); Invalid (no such drive); Denied / Interrupted.
base::Result<hal::MediumId> writeTurn(const Turn& turn, const hal::KeyFile& file, Consents& consents);

// Shows the key or share of `file` once, and has it typed back. Errors: as askLine and showSecret; Denied.
base::Result<void> writeToPerson(const hal::KeyFile& file);

}  // namespace kmsd
