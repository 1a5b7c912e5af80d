// `kmsd medium add`, `medium retire`, `medium list --slots`, `rekey` and `rotate`: what changes the key slots
// of a server that does not run.
#pragma once

#include <vector>

#include "daemon/cli.h"
#include "daemon/data_dir.h"
#include "hal/base/result.h"
#include "hal/base/uuid.h"

namespace kmsd {

class MediaRound;
class OfflineServer;

// Options that several of these verbs have.
inline constexpr OptionSpec kDataDirOption{"data-dir", "DIR", "the server's data directory", kDefaultDataDir};
inline constexpr OptionSpec kShownOption{
    "medium", "URI", "a key medium that opens the server, such as floppy:A:; one after another in one drive",
    "", true};
inline constexpr OptionSpec kDropOption{
    "drop", "ID", "this medium need not be shown, and opens nothing any more", "", true, false, true};
inline constexpr OptionSpec kNoRotateOption{"no-rotate",
                                            "",
                                            "keep the root key: then an old copy of the database and the "
                                            "medium that goes, or a copy of it, still open "
                                            "all of today's data",
                                            "",
                                            false,
                                            false,
                                            true};

extern const VerbSpec kRekeyVerb;
extern const VerbSpec kRotateVerb;

Exit mediumAdd(const Parsed& parsed);
// What it does with --shares.
base::Result<void> addShares(const Parsed& parsed);
Exit mediumRetire(const Parsed& parsed);
Exit listSlots(const Parsed& parsed);

// What `--no-rotate` leaves, for people.
std::string_view withoutRotation() noexcept;
// Errors: Invalid.
base::Result<base::Uuid> mediumIdOf(std::string_view text);
// Those that --drop names. Errors: Invalid; NotFound (no slot is for it).
base::Result<std::vector<base::Uuid>> droppedMedia(const Parsed& parsed, const OfflineServer& server);

}  // namespace kmsd
