// MediaBook: what the keeper knows of each slot. It compares each list with the one before and tells what was
// inserted and removed. Used by one thread.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "hal/driver.h"
#include "hal/key_file.h"

namespace kmsd {

struct SlotRecord {
  hal::Slot slot;        // as last told
  bool present = false;  // as last known: kept while out of sight
  std::string stamp;
  // The drive cannot be looked at, or the list after a restart does not speak of it yet.
  bool outOfSight = false;
  // Out of sight because the drive itself was unplugged, or never was there.
  bool absent = false;
  // Came back into sight with another stamp: the same medium or another, nobody saw a removal.
  bool doubtful = false;
  // Was there when the server was sealed, or may have been: waits to be changed or seen empty.
  bool held = false;
  bool examined = false;                        // while open: looked at, and not the medium that opened
  std::optional<hal::MediumIdentity> identity;  // read while sealed
  std::optional<base::Error> refusal;           // of what is in the slot now
  bool retry = false;                           // the refusal may pass by itself
  // It had gone when it was read, although the list had it: pulled just now, which the next list tells. Read
  // once more after this, should that list not come.
  std::optional<std::chrono::steady_clock::time_point> missed;
  unsigned long refusedAs = 0;  // rises with each refusal: the latest is told

  bool there() const noexcept { return present && !outOfSight; }
};

class MediaBook {
 public:
  struct Move {
    hal::Slot slot;
    bool inserted;
  };

  // `afterRestart`: the first list of a new kmsd-media, whose stamps need not equal the former one's.
  std::vector<Move> update(const std::vector<hal::Slot>& slots, bool afterRestart);
  // Whatever is there now does not open the server until it changes; nor does what may be there unseen: in a
  // slot that is out of sight, and, where `blind`, in any slot until the next list. A drive that is not there
  // at all holds nothing.
  void holdAll(const hal::MediumId* except, bool blind);

  SlotRecord* find(const hal::MediumId& id);
  // In trying order, with those out of sight at the end.
  std::vector<SlotRecord*> records();

 private:
  bool mayHaveBeenThere(const hal::Slot& fresh, const std::vector<hal::Slot>& slots) const;

  std::vector<SlotRecord> records_;
  bool holdNew_ = false;  // sealed while blind: what the next list tells first may have been there
};

}  // namespace kmsd
