// MediaRound: the media of a server, shown to one command one after another, in one drive or in several. The
// first one opens the server; each further one must open it too.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "daemon/shown_medium.h"
#include "kms/keys/rotation.h"
#include "kms/keys/share_desk.h"
#include "kms/keys/slot_facts.h"

namespace kmsd {

class MediaRound {
 public:
  // Both outlive it.
  MediaRound(const OfflineServer& server, hal::Ask& ask, std::filesystem::path driverDir)
      : server_(server), ask_(ask), driverDir_(std::move(driverDir)) {}

  // Reads each of them; shares of a split key count when enough of them were read. Errors: as readShown and
  // openDesk; Invalid (none named); Denied (no key is whole yet).
  base::Result<void> show(const std::vector<std::string>& uris);
  // Takes a medium whose key is at hand: one that was just made. A share is kept until there are enough.
  base::Result<void> take(ShownMedium shown);
  // Asks at the terminal for those that were not shown, but for `leaving`, until all were, or somebody types
  // that the others are to be dropped: then it gives true. Without a terminal it asks nobody.
  base::Result<bool> askForOthers(const std::vector<base::Uuid>& leaving);

  // The slots of media that were not shown. Errors: as the store's.
  base::Result<std::vector<kms::SlotFacts>> missing() const;
  bool has(const base::Uuid& medium) const;
  const ShownMedium& first() const { return shown_.front(); }
  const std::deque<ShownMedium>& shown() const noexcept { return shown_; }
  // REQUIRES: one was shown, and renewRoot has not made another root key since.
  const kms::SlotDesk& desk() const { return *desk_; }
  // Points into this object.
  std::vector<kms::StayingSlot> staying(const std::vector<base::Uuid>& leaving) const;
  // Forgets its key.
  void drop(const base::Uuid& medium);

 private:
  base::Result<void> takeShare(ShownMedium shown);
  base::Result<bool> joinShares(const kms::ShareSet& set, std::size_t with, const ShownMedium& last);

  const OfflineServer& server_;
  hal::Ask& ask_;
  const std::filesystem::path driverDir_;
  kms::ShareDesk shares_;
  std::deque<ShownMedium> shown_;
  std::optional<kms::SlotDesk> desk_;  // of the first
};

// "Acme 2" (UUID), or what there is of it.
std::string nameOf(const kms::SlotFacts& slot);

}  // namespace kmsd
