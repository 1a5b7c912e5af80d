// What `rotate` does, and `retire` and `rekey` after their own: a new root key for the media that were shown,
// and every row sealed anew under it.
#pragma once

#include <vector>

#include "daemon/media_round.h"

namespace kmsd {

// Slots of media that were not shown go only if they are in `leaving`, or somebody at the terminal agrees.
// Says on stdout what became of it. `also` is committed with the new root key. Errors: Denied (media that
// were not shown, and nobody agreed); as kms::renewRoot and Resealer.
base::Result<void> renewRootKey(const OfflineServer& server, MediaRound& round,
                                const std::vector<base::Uuid>& leaving,
                                const kms::SlotDesk::Along& also = {});
// Whether it can come to that: without a terminal each slot must be of a medium that was shown, or in
// `leaving`. Errors: Denied, as there; as the store's.
base::Result<void> checkAllNamed(const MediaRound& round, const std::vector<base::Uuid>& leaving);
// A sentence for where an interrupted one waits for its end.
std::string_view unfinishedRenewal() noexcept;
// Ends what an interrupted one left. False: there was nothing.
base::Result<bool> finishRenewal(const OfflineServer& server, const MediaRound& round);
// A new generation of the token keys.
base::Result<void> renewTokenKeys(const OfflineServer& server, const MediaRound& round);

}  // namespace kmsd
