// BulkReport: what became of each item of a bulk command, in a file that outlives it, so that the same
// command goes on where it ended. Rows are lines with tabs between their fields:
//
//   # kmsctl report: HEADING                       the first line: which command this is of
//   sent    USER      TIME                         asked for; no answer is known yet
//   ok      ID        ACCESSOR  EXPIRES            done (the last two where they are known)
//   ok      ID        NUMBER                       of a command that tells how many were done for an item
//   failed  ID        CODE      DETAIL             tried again by the next run
//   lost    USER      ACCESSOR  DETAIL             issued by a batch whose answer was lost, and revoked again
//
// It holds no tokens. The last row about an item counts. A line that a crash has cut short is dropped.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "hal/base/fd.h"
#include "hal/base/result.h"

namespace kmsd::ctl {

using ReportRow = std::vector<std::string_view>;  // fields; valid during the call that hands it out

class BulkReport {
 public:
  // Opens, or creates with mode 0600, and calls `seen` with each row there is. Errors: Conflict / LockHeld
  // (another kmsctl writes it), Conflict (a report of another command), Corrupt (no report); as systemError.
  static base::Result<BulkReport> open(const std::string& path, std::string_view heading,
                                       const std::function<void(const ReportRow&)>& seen);

  // Fields are made printable first.
  void add(const ReportRow& row);
  // Forgets the rows that are not saved.
  void drop() { waiting_.clear(); }
  // Returns when the disk has all rows. Errors: as systemError.
  base::Result<void> save();

 private:
  BulkReport() = default;
  base::Fd fd_;
  std::string path_;
  std::string waiting_;
};

// An append-only text file of whole lines, mode 0600, locked against another writer.
struct LinesFile {
  base::Fd fd;
  off_t whole = 0;  // bytes up to and with the last line end
};
// Calls `line` with each whole line there is; changes nothing yet. Errors: as BulkReport::open; Io where the
// file cannot be opened or made, whatever the cause.
base::Result<LinesFile> openLines(const std::string& path, const std::function<void(std::string_view)>& line);
// Cuts off what follows the last line end. Errors: as systemError.
base::Result<void> cutTail(const LinesFile& file, const std::string& path);
// All of it, and to the disk where `sync`. Errors: as systemError.
base::Result<void> appendTo(int fd, std::string_view text, bool sync, const std::string& name);

}  // namespace kmsd::ctl
