// A key medium that was shown to a command: read, and its key at hand for as long as the command needs it.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "daemon/media_port.h"
#include "daemon/offline_server.h"
#include "hal/key_file.h"
#include "kms/keys/key_offer.h"

namespace kmsd {

struct ShownMedium {
  std::string uri;         // of its place, or prompt:
  hal::MediumId place;     // empty for prompt:
  bool removable = false;  // another medium can be put into its place
  base::MasterKey key;
  std::optional<kms::MediumRef> id;
  std::string label;
  std::optional<base::SecretBuffer> passphrase{};
  base::Uuid medium{};     // whose slot its key opened, once it did
  std::uint8_t share = 0;  // the number, where the key is only this share of one

  // Copies of what it is. Errors: Unavailable (no locked memory).
  base::Result<kms::KeyOffer> offer() const;
  const base::SecretBuffer* phrase() const noexcept { return passphrase ? &*passphrase : nullptr; }
};

// Reads the medium at `uri`, a share too; typed where that is prompt:. Errors: as MediumPort::open and read,
// and hal::parseKeyFile.
base::Result<ShownMedium> readShown(const std::string& uri, hal::Ask& ask,
                                    const std::filesystem::path& driverDir);
// REQUIRES: no share. Opens its slot and with it the desk; asks for the passphrase where its slot wants one
// and somebody can be asked. Sets `medium`. Errors: as kms::SlotDesk::open.
base::Result<kms::SlotDesk> openDesk(const OfflineServer& server, ShownMedium& shown);

}  // namespace kmsd
