// NewMedia: the key media of a server that is being made. First all are looked at, then all are written, then
// all are read back; nothing is written anywhere before each has been found fit. Only shares that are made
// one after another in one drive are looked at, written and read back each in its turn, when all else is
// written.
#pragma once

#include <string>
#include <vector>

#include "daemon/media_port.h"
#include "daemon/operator_ask.h"
#include "daemon/share_media.h"
#include "kms/keys/founding.h"

namespace kmsd {

class NewMedia {
 public:
  // `driverDir`: as ReaderOptions. `pinFile`: as OperatorAsk.
  NewMedia(std::filesystem::path driverDir, std::filesystem::path pinFile)
      : driverDir_(std::move(driverDir)), ask_(std::move(pinFile)) {}
  struct Wish {
    std::vector<std::string> media;    // one; or one for each share
    std::vector<std::string> backups;  // each with a whole key of its own
    kms::Share shares{};               // split(): the first key is split
  };
  // Errors: Invalid (more or fewer media than fit the shares); as MediumPort::open and look, consentFor,
  // checkDistinct, checkDestroy; Unavailable (prompt:, or several shares in one drive, without a terminal).
  // Asks on a terminal for the id of a medium whose key is to be lost.
  base::Result<void> look(const Wish& wish, Consents consents);
  // All keys open only together with it; as normalPassphrase gives it.
  void protect(base::SecretBuffer passphrase) { passphrase_ = std::move(passphrase); }
  // Media that are not written in their turn, whatever somebody types.
  void keep(std::vector<base::Uuid> media) { keep_ = std::move(media); }
  // A random key, an id and a label for each.
  base::Result<void> generate(const base::Uuid& server, std::string_view organisation, base::Time now,
                              base::Rng& rng);
  // Their slots; points into this object.
  std::vector<kms::NewSlot> slots() const;
  // Errors: as MediumPort::write and verify; the error says which media were already written.
  base::Result<void> write();
  // The ids of those that are lost when it is written. REQUIRES: look().
  std::vector<base::Uuid> held() const;
  // A line for each: kind, place, id, label.
  std::string describe() const;
  // For the command line of `kmsd run`.
  std::vector<std::string> originalUris() const;

 private:
  struct One {
    std::string uri;
    std::optional<MediumPort> port;  // none for prompt:
    Found found;
    hal::Overwrite consent = hal::Overwrite::Empty;
    std::optional<hal::KeyFile> file;
    bool inTurn = false;  // a share, made in the same drive as the others
    std::string written;  // of such: where
  };
  base::Result<void> lookAt(One& one);
  base::Result<void> lookAtDrive(const std::string& uri);
  base::Result<void> writeOne(One& one);
  static std::string placeOf(const One& one);

  const std::filesystem::path driverDir_;
  OperatorAsk ask_;
  std::vector<One> media_;
  Consents consents_;
  std::vector<base::Uuid> keep_;
  kms::Share shares_{};
  std::optional<base::MasterKey> split_;  // the key that the shares give
  hal::MediumIdentity set_;
  std::optional<base::SecretBuffer> passphrase_;
};

}  // namespace kmsd
