// BotTransport: SCSI commands over the two bulk endpoints of a claimed interface, with the recovery that the
// standard asks for. Bounded in everything: tries of a command, recoveries of a session, and the deadline.
// Source: USB Mass Storage Class, Bulk-Only Transport, revision 1.0, sections 5 and 6.
#pragma once

#include <string>

#include "drivers/usb/bot.h"
#include "drivers/usb/usb_port.h"
#include "hal/base/secret_buffer.h"

namespace drivers::usb {

// The alternate setting that is spoken to.
struct BulkInterface {
  std::uint8_t number = 0;
  std::uint8_t alternate = 0;
  std::uint8_t in = 0;  // endpoint addresses
  std::uint8_t out = 0;
};

// The first alternate setting of each interface that is mass storage (class 8), SCSI (subclass 6; 2 and 5 of
// old devices), bulk-only (protocol 0x50), and has both bulk endpoints.
std::vector<BulkInterface> bulkInterfaces(const Device& device);

// Used by one thread at a time.
class BotTransport {
 public:
  // `name` is the medium's, for errors. REQUIRES: the interface is claimed, and `link` outlives this.
  // Errors: Unavailable (no locked memory).
  static base::Result<BotTransport> create(Link& link, const BulkInterface& interface, std::string name);

  struct Outcome {
    bool passed = false;    // as the device says; else it has sense data to tell why
    std::size_t moved = 0;  // bytes of `data` that count
  };
  // Runs one command with a data phase from the device or to it; no data phase where the span is empty.
  // Errors: NotFound (unplugged), Timeout, Io.
  base::Result<Outcome> receive(unsigned lun, const Cdb& cdb, std::span<std::byte> data, base::Deadline by);
  base::Result<Outcome> send(unsigned lun, const Cdb& cdb, base::BytesView data, base::Deadline by);

  // 0 where the device has only one unit, or does not know the question. Errors: NotFound, Timeout.
  base::Result<unsigned> maxLun(base::Deadline by);

  // Brings a device that was left in the middle of a command back to where it takes the next one.
  void settle(base::Deadline by);

 private:
  struct Phase;
  enum class Step : std::uint8_t { Done, Again };

  BotTransport(Link& link, const BulkInterface& interface, std::string name, base::SecretBuffer status)
      : link_(&link), interface_(interface), name_(std::move(name)), status_(std::move(status)) {}

  base::Result<Outcome> run(Phase phase, base::Deadline by);
  base::Result<Step> attempt(const Phase& phase, Outcome& outcome, base::Deadline by);
  Transfer dataPhase(const Phase& phase, base::Deadline by);
  Transfer readStatus(base::Deadline by);
  base::Result<Step> failed(Fault fault);
  base::Result<void> recover(base::Deadline by);
  base::Error gone() const;
  base::Error late() const;
  base::Error broken() const;

  Link* link_;
  BulkInterface interface_;
  std::string name_;
  base::SecretBuffer status_;  // what comes where the status should: may be data that came late
  std::uint32_t tag_ = 0;
  unsigned recoveries_ = 0;
  bool dirty_ = false;  // a command may be under way
};

}  // namespace drivers::usb
