// Driver and Medium: what every kind of key medium offers. A driver serves ONE medium URI ("image:/srv/keys",
// "floppy:A:"); its slots are the places where a medium can be (a drive, a reader, a file).
//
// Threads: `scan`, `open` and the Medium it gave are used by one thread at a time; `waitForChange` may run in
// another thread beside them.
#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "hal/base/clock.h"
#include "hal/base/result.h"
#include "hal/base/secret_buffer.h"
#include "hal/base/uuid.h"
#include "hal/udev_match.h"

namespace hal {

// What a driver can do; the contract suite asks each driver to prove it.
enum class Cap : unsigned {
  Write = 1U << 0U,   // media can be written here
  Create = 1U << 1U,  // an absent medium is made by writing (an image file)
  Pin = 1U << 2U,     // media may ask for a PIN
  Events = 1U << 3U,  // waitForChange hears of a change at once; without it, it polls
};
constexpr unsigned operator|(Cap a, Cap b) noexcept { return unsigned(a) | unsigned(b); }

struct DriverInfo {
  std::string_view scheme;   // of the medium URI, without the colon
  std::string_view summary;  // one line for `medium list` and `--help`
  std::string_view forms;    // the URI forms, for usage errors: "image:FILE, image:DIRECTORY"
  unsigned caps = 0;         // Cap bits
  std::optional<std::string_view>
      usual{};  // the target looked at where no URI is given ("A:"); none: not looked at
  std::span<const UdevMatch>
      udev{};  // its devices, for the rules in udev/; the table is in its folder's udev.h

  constexpr bool can(Cap cap) const noexcept { return (caps & unsigned(cap)) != 0; }
};

struct MediumId {
  std::string driver;  // its scheme
  std::string slot;    // names the place in the driver's own terms: "A:", "/srv/keys/a.img"

  std::string uri() const { return driver + ":" + slot; }
  auto operator<=>(const MediumId&) const = default;
};

// A slot, seen from outside: nothing of the medium's content was read.
struct Slot {
  MediumId id;
  bool present = false;
  bool writeProtected = false;
  std::string stamp;                 // opaque; differs whenever another medium may be in the slot
  std::optional<base::Error> error;  // why the slot cannot be looked at (no permission, no such drive)
};

enum class Access : std::uint8_t { Read, Write };

// How far a write may go.
enum class Overwrite : std::uint8_t {
  Empty,  // only what holds nothing: zeros, or a FAT volume without a file
  Files,  // also what holds other data, or cannot be read as FAT: all of it is lost
  Key     // also a medium that holds a key: that key is lost
};

// A card that asks for its PIN, as it shows itself to anybody. Whether it gets one is not the driver's to
// decide, so this tells all that the decision needs.
struct PinQuestion {
  std::string application;  // "OpenPGP", "PIV", "ISO 7816"
  std::string card;  // the card's own number, with its application: the same each time; empty: it tells none
  std::optional<base::Uuid> server;   // whose key it carries, where it says so without a PIN
  std::optional<base::Uuid> medium;   // and which
  std::optional<unsigned> triesLeft;  // before the card blocks; none: it does not tell
};

// Asks whoever operates the server. Called on the thread that uses the driver. Errors: Unavailable where
// nobody can be asked; Denied where the question was declined.
class Ask {
 public:
  virtual ~Ask() = default;
  // Errors also: PinNeeded (no PIN for this card, and why); Foreign (the card is another server's). A driver
  // gives the PIN to this card once and to nothing else, and asks anew where the card left meanwhile.
  virtual base::Result<base::SecretBuffer> pin(const PinQuestion& question) = 0;
  virtual base::Result<bool> confirm(const std::string& question) = 0;
};

// The answer where nobody can be asked.
class NoAsk final : public Ask {
 public:
  base::Result<base::SecretBuffer> pin(const PinQuestion& question) override;
  base::Result<bool> confirm(const std::string& question) override;
};

// An opened medium; the destructor closes it.
class Medium {
 public:
  struct Info {
    MediumId id;
    std::uint64_t size = 0;  // bytes; 0 where the medium has no such notion
    bool writeProtected = false;
  };

  virtual ~Medium() = default;
  virtual const Info& info() const noexcept = 0;
  // The text of its key file (hal/key_file.h parses it), at most kMaxKeyFile bytes.
  // Errors, by reason: Unformatted, NotFat, Blank (no key file on it), Damaged, PinNeeded, PinWrong (the card
  // refused it; the sentence tells the tries left), PinBlocked, Foreign; NotFound when it was pulled, Io when
  // it cannot be read, Timeout.
  virtual base::Result<base::SecretBuffer> readKeyFile(base::Deadline by) = 0;
  // Makes this the medium's key file, formatting it where needed, and flushes it to the medium.
  // Errors, by reason: MediumHoldsFiles, MediumHoldsKey (see Overwrite), MediumReadOnly, MediumTooSmall; Io;
  // Timeout.
  virtual base::Result<void> writeKeyFile(base::BytesView text, Overwrite consent, base::Deadline by) = 0;
};

class Driver {
 public:
  virtual ~Driver() = default;
  virtual const DriverInfo& info() const noexcept = 0;
  // Every slot of the URI, in the order in which they are tried; an empty drive is a slot with nothing
  // present.
  virtual base::Result<std::vector<Slot>> scan(base::Deadline by) = 0;
  // Errors: NotFound (nothing in the slot), Denied / MediumNotPermitted, Unavailable / MediumBusy,
  // MediumReadOnly.
  virtual base::Result<std::unique_ptr<Medium>> open(const MediumId& id, Access access, Ask& ask,
                                                     base::Deadline by) = 0;
  // Returns when a slot may have changed, at the deadline or when `stop` is requested; true says "look
  // again".
  virtual base::Result<bool> waitForChange(base::Deadline by, std::stop_token stop) = 0;
};

// Makes a driver for what stands behind the colon of its URI; Invalid where that is no form of its.
using MakeDriver = base::Result<std::unique_ptr<Driver>> (*)(std::string_view target);

}  // namespace hal
