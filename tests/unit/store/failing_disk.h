// FailingDisk: while it lives, SQLite's files can be made to fail as a disk does. The real VFS opens and
// serves them; only writing and syncing are looked at first. One at a time.
#pragma once

namespace tests {

class FailingDisk {
 public:
  FailingDisk();
  ~FailingDisk();
  FailingDisk(const FailingDisk&) = delete;
  FailingDisk& operator=(const FailingDisk&) = delete;

  static void full(bool on);        // writes find no space
  static void failWrites(bool on);  // writes fail
  static void failSyncs(bool on);   // syncs fail
  static unsigned long syncs();     // syncs so far
};

}  // namespace tests
