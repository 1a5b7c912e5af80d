// FailingDisk: SQLite's files fail as those of a disk do: for as long as they are told to, or at the n-th
// call.
#pragma once

#include <atomic>
#include <cstdint>

#include "tests/support/sqlite_disk.h"

namespace tests {

class FailingDisk final : public SqliteDisk {
 public:
  void full(bool on) { full_ = on; }              // writes find no space
  void failWrites(bool on) { failWrites_ = on; }  // writes fail
  void failSyncs(bool on) { failSyncs_ = on; }    // syncs fail
  unsigned long syncs() const { return syncs_; }  // so far

  enum class Fault : std::uint8_t {
    Io,    // any call can meet it
    Full,  // those that take space: writes, and files and shared memory that are made
    Gone   // from the n-th call on all fail
  };
  // The n-th call from now on meets the fault, the first being 1. Only calls that can meet it count.
  void failAt(std::uint64_t n, Fault fault);
  void heal() { failAt_ = 0; }
  // Whether the n-th call has come.
  bool failed() const { return calls_ >= failAt_; }

  int before(const DiskCall& call) override;

 private:
  std::atomic<bool> full_ = false;
  std::atomic<bool> failWrites_ = false;
  std::atomic<bool> failSyncs_ = false;
  std::atomic<unsigned long> syncs_ = 0;
  std::atomic<std::uint64_t> failAt_ = 0;  // 0: never
  std::atomic<std::uint64_t> calls_ = 0;
  std::atomic<Fault> fault_ = Fault::Io;
};

}  // namespace tests
