// SqliteDisk: while one lives, it stands between SQLite and its files. Every call passes before(), which lets
// it go on to the real disk, answers it itself, or makes it fail. For the tests that make a disk do what
// disks do.
#pragma once

#include <cstdint>
#include <string_view>

namespace tests {

struct DiskCall {
  enum class Kind : std::uint8_t { Open, Read, Write, Truncate, Sync, Size, Lock, Shm, Delete, Access };
  Kind kind{};
  std::string_view file{};     // its whole path
  const void* data = nullptr;  // of a write
  std::int64_t size = 0;       // bytes of a write; the new size of a truncation
  std::int64_t offset = 0;     // of a write
  int flags = 0;               // of an opening: SQLITE_OPEN_*; of a deletion: whether the directory is synced
};

class SqliteDisk {
 public:
  static constexpr int kDone = -1;  // answered with success, and the real disk does not hear of it

  // Becomes SQLite's default. One at a time. REQUIRES: no database is open, neither now nor at the end.
  SqliteDisk();
  virtual ~SqliteDisk();
  SqliteDisk(const SqliteDisk&) = delete;
  SqliteDisk& operator=(const SqliteDisk&) = delete;

  // SQLITE_OK: go on; kDone; or the error to answer. Called from any thread. Closing, unlocking and unmapping
  // are not asked for: SQLite ignores their failures.
  virtual int before(const DiskCall& call) = 0;
};

}  // namespace tests
