// ScsiUnit: one logical unit that is a disk, over a transport; retries what the standard says to retry, and
// puts sense data into words.
#pragma once

#include <string>

#include "drivers/usb/bot_transport.h"
#include "drivers/usb/scsi.h"

namespace drivers::usb {

struct UnitOptions {
  Milliseconds readyPause{100};  // between two looks at a unit that is becoming ready
};

// Used by one thread at a time.
class ScsiUnit {
 public:
  struct Facts {
    std::uint32_t blockSize = 0;  // bytes: 512 or 4096
    std::uint64_t blocks = 0;     // at most 2^32: what READ(10) can name
    bool writeProtected = false;

    std::uint64_t size() const noexcept { return blocks * blockSize; }  // bytes
  };

  // Asks the unit what it is. `transport` must outlive this. Errors: NotFound (no such unit, nothing in it,
  // unplugged); Unsupported (no disk, other sectors, too large); Timeout; Io.
  static base::Result<ScsiUnit> start(BotTransport& transport, unsigned lun, std::string name,
                                      base::Deadline by, UnitOptions options = {});

  const Facts& facts() const noexcept { return facts_; }
  // REQUIRES: the span holds at most 65535 whole blocks, all of them within the unit. Errors: as start;
  // Denied / MediumReadOnly; Io also where fewer bytes moved than were asked for.
  base::Result<void> read(std::uint64_t block, std::span<std::byte> out, base::Deadline by);
  base::Result<void> write(std::uint64_t block, base::BytesView in, base::Deadline by);
  // A unit without a cache does not know the command, and needs none.
  base::Result<void> synchronize(base::Deadline by);

 private:
  ScsiUnit(BotTransport& transport, unsigned lun, std::string name, UnitOptions options)
      : transport_(&transport), lun_(lun), name_(std::move(name)), options_(options) {}

  template <class Run>
  base::Result<std::size_t> repeated(Run run, base::Deadline by);
  base::Result<std::size_t> receive(const Cdb& cdb, std::span<std::byte> data, base::Deadline by);
  base::Result<std::size_t> send(const Cdb& cdb, base::BytesView data, base::Deadline by);
  base::Result<scsi::Sense> sense(base::Deadline by);
  base::Error refusal(const scsi::Sense& sense) const;
  base::Result<void> identify(base::Deadline by);
  base::Result<void> measure(base::Deadline by);
  base::Result<void> askProtection(base::Deadline by);

  BotTransport* transport_;
  unsigned lun_;
  std::string name_;
  UnitOptions options_;
  Facts facts_;
};

}  // namespace drivers::usb
