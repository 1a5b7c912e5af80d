// PowerCut: a disk whose power goes. Writes reach the "page cache", which is the real files; what the disk
// itself holds is kept beside it, and only a sync takes it further. After the cut every call fails; restore()
// then leaves in the files what the disk held, and whatever else it may have held.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <vector>

#include "hal/base/bytes.h"
#include "tests/support/sqlite_disk.h"

namespace tests {

class PowerCut final : public SqliteDisk {
 public:
  // What became of the writes, truncations, new and deleted files that were not synced yet. A disk may bring
  // any of them to its surface in any order, and only a part of the sectors of one.
  enum class Unsynced : std::uint8_t { Lost, SomeKept, OneTorn };

  // What was written so far counts as synced. REQUIRES: no database is open.
  void allSynced();
  // The power goes at the n-th call from now that changes or syncs a file.
  void cutAt(std::uint64_t n);
  bool isCut() const;
  // REQUIRES: no database is open. The power is on again.
  void restore(Unsynced unsynced, std::mt19937_64& dice);
  std::uint64_t lost() const { return lost_; }  // unsynced changes that restore() dropped so far

  int before(const DiskCall& call) override;

 private:
  struct Change {
    std::int64_t offset = 0;  // of a write
    base::Bytes data;
    std::int64_t truncate = -1;  // or the new size
  };
  struct Inode {
    base::Bytes durable;
    std::vector<Change> pending;  // in their order
  };
  using Names = std::map<std::string, std::shared_ptr<Inode>>;
  struct Renaming {  // a change of the directory; null: deleted
    std::string name;
    std::shared_ptr<Inode> inode;
  };

  void open(const DiskCall& call);
  void sync(Inode& inode);
  void syncDirectory();
  void settle(Inode& inode, Unsynced unsynced, std::mt19937_64& dice);
  static void apply(base::Bytes& to, const Change& change);

  mutable std::mutex mutex_;
  Names live_;                       // as programs see it
  Names durable_;                    // as the directory on the disk has it
  std::vector<Renaming> directory_;  // not synced yet, in their order
  std::uint64_t left_ = 0;           // calls until the cut; 0: none is set
  bool cut_ = false;
  std::uint64_t lost_ = 0;
};

}  // namespace tests
