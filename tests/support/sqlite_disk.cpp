#include "tests/support/sqlite_disk.h"

#include <sqlite3.h>

#include <cstdlib>
#include <new>
#include <string>

namespace tests {
namespace {

using Kind = DiskCall::Kind;

SqliteDisk* gDisk = nullptr;
sqlite3_vfs* gReal = nullptr;
sqlite3_vfs gVfs;

// What SQLite sees as the file; the real one lies behind it.
struct File {
  sqlite3_file base;  // first: SQLite knows only this
  std::string* name;
};
constexpr int kFileSize = static_cast<int>((sizeof(File) + 15) / 16 * 16);

sqlite3_file* real(sqlite3_file* file) {
  return reinterpret_cast<sqlite3_file*>(reinterpret_cast<char*>(file) + kFileSize);
}
const sqlite3_io_methods& on(sqlite3_file* file) { return *real(file)->pMethods; }

// Asks the disk, then does the real thing.
template <class Act>
int pass(sqlite3_file* file, DiskCall call, Act act) {
  call.file = *reinterpret_cast<File*>(file)->name;
  const int code = gDisk->before(call);
  if (code == SqliteDisk::kDone) return SQLITE_OK;
  return code == SQLITE_OK ? act() : code;
}

int closeFile(sqlite3_file* file) {
  const int code = on(file).xClose(real(file));
  delete reinterpret_cast<File*>(file)->name;
  return code;
}
int readFile(sqlite3_file* file, void* into, int size, sqlite3_int64 offset) {
  return pass(file, {Kind::Read}, [&] { return on(file).xRead(real(file), into, size, offset); });
}
int writeFile(sqlite3_file* file, const void* data, int size, sqlite3_int64 offset) {
  return pass(file, {Kind::Write, {}, data, size, offset},
              [&] { return on(file).xWrite(real(file), data, size, offset); });
}
int truncateFile(sqlite3_file* file, sqlite3_int64 size) {
  return pass(file, {Kind::Truncate, {}, nullptr, size},
              [&] { return on(file).xTruncate(real(file), size); });
}
int syncFile(sqlite3_file* file, int flags) {
  return pass(file, {Kind::Sync}, [&] { return on(file).xSync(real(file), flags); });
}
int sizeOfFile(sqlite3_file* file, sqlite3_int64* size) {
  return pass(file, {Kind::Size}, [&] { return on(file).xFileSize(real(file), size); });
}
int lockFile(sqlite3_file* file, int level) {
  return pass(file, {Kind::Lock}, [&] { return on(file).xLock(real(file), level); });
}
int unlockFile(sqlite3_file* file, int level) { return on(file).xUnlock(real(file), level); }
int checkLock(sqlite3_file* file, int* held) { return on(file).xCheckReservedLock(real(file), held); }
int controlFile(sqlite3_file* file, int what, void* with) {
  return on(file).xFileControl(real(file), what, with);
}
int sectorSize(sqlite3_file* file) { return on(file).xSectorSize(real(file)); }
int characteristics(sqlite3_file* file) { return on(file).xDeviceCharacteristics(real(file)); }
int mapShm(sqlite3_file* file, int page, int size, int extend, void volatile** at) {
  return pass(file, {Kind::Shm}, [&] { return on(file).xShmMap(real(file), page, size, extend, at); });
}
int lockShm(sqlite3_file* file, int offset, int count, int flags) {
  const auto act = [&] { return on(file).xShmLock(real(file), offset, count, flags); };
  return (flags & SQLITE_SHM_UNLOCK) != 0 ? act() : pass(file, {Kind::Shm}, act);
}
void shmBarrier(sqlite3_file* file) { on(file).xShmBarrier(real(file)); }
int unmapShm(sqlite3_file* file, int remove) { return on(file).xShmUnmap(real(file), remove); }

// Version 2: with shared memory for the WAL, without files mapped into memory.
constexpr sqlite3_io_methods kMethods = {2,           closeFile,  readFile,        writeFile,  truncateFile,
                                         syncFile,    sizeOfFile, lockFile,        unlockFile, checkLock,
                                         controlFile, sectorSize, characteristics, mapShm,     lockShm,
                                         shmBarrier,  unmapShm,   nullptr,         nullptr};

int openFile(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* outFlags) {
  auto* ours = reinterpret_cast<File*>(file);
  ours->base.pMethods = nullptr;
  const std::string path = name != nullptr ? name : "";
  if (const int code = gDisk->before({Kind::Open, path, nullptr, 0, 0, flags}); code != SQLITE_OK)
    return code;
  const int code = gReal->xOpen(gReal, name, real(file), flags, outFlags);
  if (code != SQLITE_OK) return code;
  ours->name = new std::string(path);
  ours->base.pMethods = &kMethods;
  return code;
}

int deleteFile(sqlite3_vfs*, const char* name, int syncDirectory) {
  const int code = gDisk->before({Kind::Delete, name, nullptr, 0, 0, syncDirectory});
  return code == SQLITE_OK ? gReal->xDelete(gReal, name, syncDirectory) : code;
}

int accessFile(sqlite3_vfs*, const char* name, int flags, int* answer) {
  const int code = gDisk->before({Kind::Access, name});
  return code == SQLITE_OK ? gReal->xAccess(gReal, name, flags, answer) : code;
}

}  // namespace

SqliteDisk::SqliteDisk() {
  if (gDisk != nullptr) std::abort();
  gDisk = this;
  gReal = sqlite3_vfs_find("unix");
  gVfs = *gReal;
  gVfs.zName = "tests";
  gVfs.pNext = nullptr;
  gVfs.szOsFile = kFileSize + gReal->szOsFile;
  gVfs.xOpen = openFile;
  gVfs.xDelete = deleteFile;
  gVfs.xAccess = accessFile;
  sqlite3_vfs_register(&gVfs, 1);
}

SqliteDisk::~SqliteDisk() {
  sqlite3_vfs_unregister(&gVfs);
  sqlite3_vfs_register(gReal, 1);
  gDisk = nullptr;
}

}  // namespace tests
