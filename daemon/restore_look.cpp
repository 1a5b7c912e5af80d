#include "daemon/restore_look.h"

#include "kms/store/sqlite_store.h"

namespace kmsd {

RestoreLook::Seen RestoreLook::look() const {
  Seen seen;
  struct stat found {};
  if (::lstat(dir_.security().c_str(), &found) == 0) seen.directory = found.st_ino;
  if (::lstat(dir_.database().c_str(), &found) == 0) {
    seen.database = found.st_ino;
    seen.size = found.st_size;
    seen.changed = found.st_mtim;
  }
  return seen;
}

bool RestoreLook::restored() {
  const Seen now = look();
  if (now == last_ || now.database == 0 || !dir_.header()) return false;
  const auto lock = dir_.lock();
  if (!lock) return false;  // somebody is at work on it
  const bool opens = bool(kms::openSqliteStore(dir_.database()));
  // Until it is opened for good it stays news: another command may take the lock in between.
  if (!opens) last_ = now;
  return opens;
}

}  // namespace kmsd
