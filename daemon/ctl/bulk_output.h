// BulkOutput: what a bulk command gives its caller: a line for each item that is done, on stdout or in a file
// of its own, or with --json one document with all items. It may hold tokens.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "daemon/cli.h"
#include "hal/base/fd.h"
#include "hal/base/result.h"
#include "hal/base/secret_pool.h"

namespace kmsd::ctl {

// What a report tells of earlier runs of the same command.
enum class Earlier {
  None,   // there was none
  Begun,  // there was one; nothing is known to be done
  Done,   // some items are done
};

class BulkOutput {
 public:
  // After an earlier run the whole lines of the file are kept and continued. Errors: Conflict (the file of
  // --output has something in it that is not known to be ours); those of openLines.
  static base::Result<BulkOutput> open(const Parsed& parsed, Earlier earlier);
  // The file of --output has nothing of what was done earlier.
  bool lacksEarlier() const noexcept { return lacksEarlier_; }

  bool json() const noexcept { return json_; }
  // Without --json; "" is a field's end. `last` ends the line.
  void field(std::string_view text, bool last);
  // With --json: an object.
  void item(const base::SecretText& object);
  // With --json: why the list ends here; a member of the document, beside the items. Otherwise nothing.
  void problem(const base::SecretText& document) { problem_ = document; }
  // Returns when all is written; where it goes to a file, when the disk has it. Errors: as systemError;
  // after the first one nothing more is written, and it is given again.
  base::Result<void> flush();
  // The same, and ends the document.
  base::Result<void> finish();

 private:
  BulkOutput() = default;
  void put(std::string_view text);

  bool json_ = false;
  bool begun_ = false;  // the document has an item
  base::Fd own_;
  int fd_ = -1;
  bool sync_ = false;
  bool lacksEarlier_ = false;
  std::string name_;
  std::optional<base::Error> torn_;
  base::SecretText waiting_;
  base::SecretText problem_;
};

}  // namespace kmsd::ctl
