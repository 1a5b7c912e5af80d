// MediumPort: the one medium that a URI on a command line means, reached through kmsd-media.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "daemon/media_plan.h"
#include "daemon/reader_client.h"

namespace kmsd {

inline constexpr std::string_view kPromptUri = "prompt:";  // the person at the terminal is the medium

class MediumPort {
 public:
  // Starts kmsd-media for this URI and finds the slot. Errors: Invalid (no driver knows the URI; it means
  // several media); NotFound / AwaitingMedium (a URI without any slot); as ReaderClient::start and scan.
  static base::Result<MediumPort> open(const std::string& uri, bool writable, hal::Ask* ask,
                                       const std::filesystem::path& driverDir);

  const hal::MediumId& id() const noexcept { return slot_.id; }
  // Without another kind of medium in it: swapping disks in this slot makes sense.
  bool removable() const noexcept { return !creatable_; }
  // Errors: of the slot itself (not permitted, busy) and what holdingOf cannot tell.
  base::Result<Found> look();
  // The key file's text. Errors: NotFound / AwaitingMedium; as ReaderClient::read.
  base::Result<base::SecretBuffer> read();
  // Reads the medium through a kmsd-media of its own and compares. Errors: Io where another text comes back.
  base::Result<void> verify(base::BytesView text) const;
  // What the medium itself gives back, past every cache: through a kmsd-media of its own. A card is read
  // where it is, since its driver has compared what it wrote, and to open it anew costs a PIN. Errors: as
  // read.
  base::Result<base::SecretBuffer> readBack(hal::Ask& ask);
  // Where `consent` is Key, the medium must still be the one that was `found`. Errors: as
  // ReaderClient::write; Conflict.
  base::Result<void> write(base::BytesView text, hal::Overwrite consent, const Found& found);

 private:
  MediumPort() = default;
  base::Result<void> choose(const std::string& uri);

  // A signal ends it before the program (daemon/interrupt.h).
  struct End {
    void operator()(ReaderClient* reader) const noexcept;
  };

  std::filesystem::path driverDir_;
  std::unique_ptr<ReaderClient, End> reader_;
  hal::Slot slot_;
  bool creatable_ = false;
  bool checksItself_ = false;  // its driver has read back what it wrote
};

}  // namespace kmsd
