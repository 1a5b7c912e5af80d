// PcscSession: one context with pcscd, made anew whenever it is lost, and the readers as they are now. One
// thread.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "drivers/smartcard/pcsc_port.h"
#include "hal/base/result.h"

namespace drivers::smartcard {

struct Reader {
  std::string name;   // as PC/SC knows it
  std::string shown;  // the same as plain text, without '?'; no two are equal
  bool present = false;
  bool mute = false;  // the card does not answer to a reset
  std::uint32_t event = 0;
  base::Bytes atr;
  std::string card;   // differs whenever another card may be in it, as long as pcscd runs
  std::string stamp;  // the same for good
};

// What all sessions of a driver know together. Safe to use from several threads.
class ReaderBook {
 public:
  // Counts for each reader how often it was unplugged: a reader's count of cards begins anew then.
  void seen(const std::vector<std::string>& names);
  unsigned returns(const std::string& name) const;
  // Which life of pcscd it is, as far as the sessions noticed: it counts anew in each. A session that takes
  // the place of a hanging one is in the same.
  unsigned epoch() const noexcept { return epoch_; }
  // A context of that life was lost; the first session to say so begins the next.
  void lost(unsigned epoch) noexcept;

 private:
  struct Entry {
    bool here = true;
    unsigned returns = 0;
  };
  static constexpr std::size_t kMost = 256;  // names
  mutable std::mutex mutex_;
  std::map<std::string, Entry> readers_;
  std::atomic<unsigned> epoch_ = 0;
};

class PcscSession {
 public:
  PcscSession(std::unique_ptr<PcscPort> port, std::shared_ptr<ReaderBook> book)
      : port_(std::move(port)), book_(std::move(book)), epoch_(book_->epoch()) {}

  // The port, with a context. Errors: Unavailable (pcscd does not run); Denied / MediumNotPermitted; Io.
  base::Result<PcscPort*> port();
  // Every reader. A context that was lost is made anew once. Errors: as port().
  base::Result<std::vector<Reader>> readers();
  // Drops the context where `outcome` says that it is gone; returns whether it was.
  bool dropIfLost(Pcsc outcome);
  PcscPort& raw() noexcept { return *port_; }
  bool established() const noexcept { return established_; }

 private:
  Pcsc look(std::vector<Reader>& readers);

  const std::unique_ptr<PcscPort> port_;
  const std::shared_ptr<ReaderBook> book_;
  bool established_ = false;
  unsigned epoch_;  // of this context, or of its last try
};

// What went wrong, as a sentence. `reader` may be empty.
base::Error pcscError(Pcsc outcome, const std::string& reader);

}  // namespace drivers::smartcard
