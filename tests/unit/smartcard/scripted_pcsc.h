// ScriptedPcsc: pcscd and its readers, scripted: virtual cards are put in and pulled, readers unplugged, the
// service stopped and started. It behaves as PC/SC-lite does: one context a port, a cancel that comes before
// the wait is lost, handles end with their card, a reset by one is seen by the others.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "drivers/smartcard/pcsc_port.h"
#include "tests/virtual/cards/card.h"

namespace tests {

class ScriptedPcsc : public std::enable_shared_from_this<ScriptedPcsc> {
 public:
  static std::shared_ptr<ScriptedPcsc> make() { return std::shared_ptr<ScriptedPcsc>(new ScriptedPcsc); }
  drivers::smartcard::MakePcscPort ports();

  void plug(const std::string& reader);
  void unplug(const std::string& reader);
  void insert(const std::string& reader, std::shared_ptr<VirtualCard> card);
  void pull(const std::string& reader);
  // Mute to the reset: pcscd sees something and gets no answer.
  void insertMute(const std::string& reader);
  void stop();  // the service, with all contexts and handles
  void start();
  void setExclusive(const std::string& reader, bool yes);  // another program's
  // Resets the card as another program would; handles to it are told.
  void resetByOther(const std::string& reader);
  // Called before each APDU with its number in the life of this object, without a lock held.
  void beforeApdu(std::function<void(unsigned)> hook);
  // From now on the service notices a pull in the middle of an APDU only when it is waited for; the APDU ends
  // with `outcome` and no bytes, as from readers that hide it.
  void noticePullsLate(drivers::smartcard::Pcsc outcome);
  // Ends all that hangs at a mute card.
  void release();

  unsigned contexts() const;  // alive
  unsigned handles() const;   // connected now
  unsigned apdus() const;

 private:
  friend class ScriptedPcscPort;
  ScriptedPcsc() = default;
  struct Slot {
    std::shared_ptr<VirtualCard> card;
    bool mute = false;
    bool exclusive = false;
    bool going = false;       // pulled, and not noticed yet
    unsigned count = 0;       // of insertions and pulls
    unsigned generation = 0;  // of cards, never used again
  };
  struct Handle {
    std::string reader;
    unsigned generation = 0;
    bool reset = false;  // by another; to be told
  };
  void put(const std::string& reader, std::shared_ptr<VirtualCard> card, bool mute);
  void takeOut(Slot& slot);
  std::uint32_t eventOf(const std::string& reader) const;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool running_ = true;
  bool released_ = false;
  unsigned life_ = 1;  // of the service
  std::map<std::string, Slot> slots_;
  std::map<drivers::smartcard::CardHandle, Handle> handles_;
  std::map<std::string, drivers::smartcard::CardHandle> locks_;  // transactions
  drivers::smartcard::CardHandle nextHandle_ = 1;
  unsigned generations_ = 0;
  unsigned contexts_ = 0;
  unsigned apdus_ = 0;
  std::function<void(unsigned)> hook_;
  std::optional<drivers::smartcard::Pcsc> late_;
};

}  // namespace tests
