// ShareDesk: the shares of split keys that were read so far, and the keys that they may make. Nothing tells
// whether a share is right but a slot that opens: so keys are made of subsets, and once one has opened, the
// shares that do not fit it are known. Not thread-safe.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "hal/base/master_key.h"
#include "hal/base/shamir.h"
#include "hal/base/uuid.h"
#include "kms/store/store.h"

namespace kms {

// A key of the database that is split.
struct ShareSet {
  base::Uuid id;  // which its shares name, and its slot
  unsigned threshold = 0;
  unsigned total = 0;
  std::string label;
};

// Of the slots that this version can read. Errors: as the store's.
base::Result<std::vector<ShareSet>> shareSets(Store& store);

struct ReadShare {
  base::MasterKey value;  // of the share
  std::uint8_t number = 0;
  std::optional<base::Uuid> set;  // none: typed by hand, so it may be of any
  std::string where;              // for messages
};

class ShareDesk {
 public:
  static constexpr std::size_t kMost = 64;   // shares; the oldest goes
  static constexpr std::size_t kTries = 32;  // keys made at once; each costs one scrypt

  // Takes it; the same share again, or a copy of it, counts once. Gives its place on the desk.
  std::size_t add(ReadShare share);
  // What was read there is gone, unless a copy was read elsewhere.
  void forget(const std::string& where);
  bool full() const noexcept { return shares_.size() == kMost; }
  void clear() noexcept { shares_.clear(); }
  bool empty() const noexcept { return shares_.empty(); }
  bool holds(const std::string& where) const;

  // Different numbers that can be of this set.
  unsigned count(const ShareSet& set) const;
  // Subsets of `set.threshold` shares with different numbers: those with the share at `with` in them, else
  // all; kTries at most, the newest shares first.
  std::vector<std::vector<std::size_t>> choices(const ShareSet& set, std::optional<std::size_t> with) const;
  // Errors: Unavailable (no locked memory).
  base::Result<base::MasterKey> join(const std::vector<std::size_t>& choice) const;

  struct Named {
    std::uint8_t number = 0;
    std::string where;
  };
  // Where the shares of `choice` are from.
  std::vector<Named> named(const std::vector<std::size_t>& choice) const;
  // The shares of the set's that are wrong, once `choice` has opened. Those typed by hand are not judged:
  // they may be of another set. Errors: as join.
  base::Result<std::vector<Named>> wrong(const ShareSet& set, const std::vector<std::size_t>& choice) const;

 private:
  struct Kept {
    base::MasterKey value;
    std::uint8_t number;
    std::optional<base::Uuid> set;
    std::vector<std::string> places;  // where it was read, the last one at the end

    bool fits(const ShareSet& wanted) const { return !set || *set == wanted.id; }
    Named named() const { return {number, places.back()}; }
  };
  std::vector<Kept> shares_;
  std::vector<base::SharePoint> points(const std::vector<std::size_t>& choice) const;
};

}  // namespace kms
