#include "tests/support/failing_disk.h"

#include <sqlite3.h>

#include <cerrno>

namespace tests {
namespace {

using Kind = DiskCall::Kind;

bool takesSpace(const DiskCall& call) {
  return call.kind == Kind::Write || call.kind == Kind::Shm ||
         (call.kind == Kind::Open && (call.flags & SQLITE_OPEN_CREATE) != 0);
}

// What SQLite's own unix VFS answers then.
int fullError(Kind kind) {
  if (kind == Kind::Write) return SQLITE_FULL;
  return kind == Kind::Shm ? SQLITE_IOERR_SHMSIZE : SQLITE_CANTOPEN;
}

int errorOf(Kind kind) {
  switch (kind) {
    case Kind::Open:
      return SQLITE_CANTOPEN;
    case Kind::Read:
      return SQLITE_IOERR_READ;
    case Kind::Write:
      return SQLITE_IOERR_WRITE;
    case Kind::Truncate:
      return SQLITE_IOERR_TRUNCATE;
    case Kind::Sync:
      return SQLITE_IOERR_FSYNC;
    case Kind::Size:
      return SQLITE_IOERR_FSTAT;
    case Kind::Lock:
      return SQLITE_IOERR_LOCK;
    case Kind::Shm:
      return SQLITE_IOERR_SHMMAP;
    case Kind::Delete:
      return SQLITE_IOERR_DELETE;
    case Kind::Access:
      return SQLITE_IOERR_ACCESS;
  }
  return SQLITE_IOERR;
}

}  // namespace

void FailingDisk::failAt(std::uint64_t n, Fault fault) {
  calls_ = 0;
  fault_ = fault;
  failAt_ = n;
}

int FailingDisk::before(const DiskCall& call) {
  if (call.kind == Kind::Write && full_) return SQLITE_FULL;
  if (call.kind == Kind::Write && failWrites_) return SQLITE_IOERR_WRITE;
  if (call.kind == Kind::Sync) {
    ++syncs_;
    if (failSyncs_) return SQLITE_IOERR_FSYNC;
  }
  const std::uint64_t at = failAt_;
  if (at == 0) return SQLITE_OK;
  const Fault fault = fault_;
  if (fault == Fault::Full && !takesSpace(call)) return SQLITE_OK;
  const std::uint64_t number = ++calls_;
  if (fault == Fault::Gone ? number < at : number != at) return SQLITE_OK;
  errno = fault == Fault::Full ? ENOSPC : EIO;  // SQLite asks for it after a failed opening
  return fault == Fault::Full ? fullError(call.kind) : errorOf(call.kind);
}

}  // namespace tests
