// RestoreLook: sees from outside when a data directory whose database could not be used has got another one.
#pragma once

#include <sys/stat.h>

#include "daemon/data_dir.h"

namespace kmsd {

class RestoreLook {
 public:
  // What is there now is what could not be used.
  explicit RestoreLook(const DataDir& dir) : dir_(dir), last_(look()) {}

  // Something else is there, nobody works on it, and it opens.
  bool restored();

 private:
  struct Seen {
    ino_t directory = 0;
    ino_t database = 0;
    off_t size = 0;
    timespec changed{};
    bool operator==(const Seen& other) const noexcept {
      return directory == other.directory && database == other.database && size == other.size &&
             changed.tv_sec == other.changed.tv_sec && changed.tv_nsec == other.changed.tv_nsec;
    }
  };
  Seen look() const;

  const DataDir& dir_;
  Seen last_;
};

}  // namespace kmsd
