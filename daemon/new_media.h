// NewMedia: the key media of a server that is being made. First all are looked at, then all are written, then
// all are read back; nothing is written anywhere before each has been found fit.
#pragma once

#include <string>
#include <vector>

#include "daemon/media_port.h"
#include "daemon/operator_ask.h"
#include "kms/keys/founding.h"

namespace kmsd {

class NewMedia {
 public:
  // `driverDir`: as ReaderOptions. `pinFile`: as OperatorAsk.
  NewMedia(std::filesystem::path driverDir, std::filesystem::path pinFile)
      : driverDir_(std::move(driverDir)), ask_(std::move(pinFile)) {}
  // `uris`: the first is the original, the others are backups. Errors: as MediumPort::open and look,
  // consentFor, checkDistinct, checkDestroy; Unavailable (prompt: without a terminal). Asks on a terminal for
  // the id of a medium whose key is to be lost.
  base::Result<void> look(const std::vector<std::string>& uris, Consents consents);
  // A random key, an id and a label for each.
  base::Result<void> generate(const base::Uuid& server, std::string_view organisation, base::Time now,
                              base::Rng& rng);
  // Their slots; points into this object.
  std::vector<kms::NewSlot> slots() const;
  // Errors: as MediumPort::write and verify; the error says which media were already written.
  base::Result<void> write();
  // A line for each: kind, place, id, label.
  std::string describe() const;
  // For the command line of `kmsd run`.
  std::string originalUri() const;

 private:
  struct One {
    std::string uri;
    std::optional<MediumPort> port;  // none for prompt:
    Found found;
    hal::Overwrite consent = hal::Overwrite::Empty;
    std::optional<hal::KeyFile> file;
  };
  base::Result<void> lookAt(One& one);
  base::Result<void> agree(One& one, Consents& consents);
  base::Result<void> writeOne(One& one);

  const std::filesystem::path driverDir_;
  OperatorAsk ask_;
  std::vector<One> media_;
};

}  // namespace kmsd
