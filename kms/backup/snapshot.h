// Snapshot: a server as it was at one moment, ready to be read as a backup. The database is copied first,
// into a file beside it that goes with the snapshot, so that a slow reader holds up nothing; the audit log is
// read where it is, as far as the copy knows it.
#pragma once

#include <filesystem>
#include <memory>

#include "kms/backup/source.h"

namespace kms::backup {

// Whose backup it is.
struct Subject {
  base::Uuid server;
  std::string organisation;
  base::Time created{};
  std::filesystem::path audit;  // the directory of its log
  std::filesystem::path spool;  // where the copy of the database goes; nobody else uses this name
};

class Snapshot {
 public:
  // Takes minutes with a large database. Without `sign` the backup is unsigned. Once `stop` is true it ends
  // with Unavailable. One at a time with one spool. Errors: as Store::copyTo and Source::create.
  static base::Result<std::unique_ptr<Snapshot>> take(Store& store, const Subject& subject, Kind kind,
                                                      base::Time now, const Sign& sign,
                                                      const std::atomic<bool>& stop);
  ~Snapshot();
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

  Source& source() noexcept { return *source_; }

 private:
  explicit Snapshot(std::filesystem::path spool) : spool_(std::move(spool)) {}
  const std::filesystem::path spool_;
  std::unique_ptr<Source> source_;
};

// Removes what an interrupted snapshot left.
void clearSpool(const std::filesystem::path& spool) noexcept;

}  // namespace kms::backup
