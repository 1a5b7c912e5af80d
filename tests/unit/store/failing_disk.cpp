#include "tests/unit/store/failing_disk.h"

#include <sqlite3.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <mutex>

namespace tests {
namespace {

std::atomic<bool> gFull = false;
std::atomic<bool> gFailWrites = false;
std::atomic<bool> gFailSyncs = false;
std::atomic<unsigned long> gSyncs = 0;

std::mutex gMutex;
sqlite3_vfs* gReal = nullptr;
sqlite3_vfs gVfs;

// The unix VFS has one table of methods for databases and another for logs.
struct Methods {
  sqlite3_io_methods ours;  // first, so that a file's pMethods lead here
  const sqlite3_io_methods* real = nullptr;
};
std::array<Methods, 4> gMethods;

const sqlite3_io_methods* realOf(const sqlite3_file* file) {
  return reinterpret_cast<const Methods*>(file->pMethods)->real;
}

int writeFile(sqlite3_file* file, const void* data, int size, sqlite3_int64 offset) {
  if (gFull) return SQLITE_FULL;
  if (gFailWrites) return SQLITE_IOERR_WRITE;
  return realOf(file)->xWrite(file, data, size, offset);
}

int syncFile(sqlite3_file* file, int flags) {
  ++gSyncs;
  if (gFailSyncs) return SQLITE_IOERR_FSYNC;
  return realOf(file)->xSync(file, flags);
}

// The file object stays the real one; only its table of methods is changed for a copy.
int openFile(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* outFlags) {
  const int code = gReal->xOpen(gReal, name, file, flags, outFlags);
  if (code != SQLITE_OK || file->pMethods == nullptr) return code;
  const std::lock_guard lock(gMutex);
  for (auto& methods : gMethods) {
    if (methods.real == nullptr) {
      methods.real = file->pMethods;
      methods.ours = *file->pMethods;
      methods.ours.xWrite = writeFile;
      methods.ours.xSync = syncFile;
    }
    if (methods.real == file->pMethods) {
      file->pMethods = &methods.ours;
      return code;
    }
  }
  std::abort();  // a test would pass for nothing
}

}  // namespace

FailingDisk::FailingDisk() {
  gReal = sqlite3_vfs_find("unix");
  gVfs = *gReal;
  gVfs.zName = "failing";
  gVfs.pNext = nullptr;
  gVfs.xOpen = openFile;
  sqlite3_vfs_register(&gVfs, 1);
}

FailingDisk::~FailingDisk() {
  full(false);
  failWrites(false);
  failSyncs(false);
  sqlite3_vfs_unregister(&gVfs);
  sqlite3_vfs_register(gReal, 1);
}

void FailingDisk::full(bool on) { gFull = on; }
void FailingDisk::failWrites(bool on) { gFailWrites = on; }
void FailingDisk::failSyncs(bool on) { gFailSyncs = on; }
unsigned long FailingDisk::syncs() { return gSyncs; }

}  // namespace tests
