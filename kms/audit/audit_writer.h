// AuditWriter: takes committed rows out of the outbox and appends them, chained, to the files. The files and
// the database's head always tell the same: a file is synced first, then the head moves and the rows go, in
// one transaction. One thread at a time uses it.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "hal/base/clock.h"
#include "hal/base/uuid.h"
#include "kms/audit/audit_files.h"
#include "kms/audit/audit_line.h"
#include "kms/store/store.h"

namespace kms {

// The MAC under the audit key; nothing while the server is sealed. Safe to use from several threads.
using AuditMac = std::function<std::optional<Mac>(base::BytesView)>;
// The MACs under the audit keys of former root keys: checkpoints of before count too. The note of the last
// checkpoint is under the current one only.
using FormerAuditMacs = std::function<std::vector<Mac>(base::BytesView)>;

struct AuditOptions {
  std::filesystem::path directory;  // D/security/audit
  base::Uuid server;
  std::int64_t segmentMost = std::int64_t{256} << 20U;  // bytes, after which the next file is begun
  std::int64_t checkpointEvery = 10'000;                // lines
  std::chrono::milliseconds flushEvery{200};            // so that it does not race with commits for the disk
  std::chrono::milliseconds lagMost{5'000};             // after this changes are refused
  std::chrono::milliseconds retryAfter{1'000};          // after a failure
  FormerAuditMacs formerMacs{};                         // none: there was never another root key
};

class AuditWriter {
 public:
  // All of them outlive it.
  AuditWriter(Store& store, const AuditMac& mac, const AuditOptions& options, const base::Clock& clock);

  // Writes all that the outbox holds; with `checkpoint`, ends with one where the key is there. Errors:
  // Corrupt / AuditBroken (the files are not what the database says); Unavailable / AuditUnwritable. After an
  // error the next call begins anew with what the database says.
  base::Result<void> flush(bool checkpoint);
  // Proves the lines from the last checkpoint on, and that they end where the database says. From then until
  // distrust() checkpoints are made. Errors: Corrupt / AuditBroken, with file and line.
  base::Result<void> verifyTail();
  // Reads the whole log, as it was when verifyTail() succeeded a moment ago. Errors: Corrupt / AuditBroken
  // where something is wrong that nobody accepted; Unavailable, also once `stop` is true.
  base::Result<void> verifyWhole(const std::atomic<bool>& stop);
  // Begins a new file, whose first lines say who went on all the same, and name each place in the whole log
  // that is wrong now and was not accepted before. Errors: Unavailable, also once `stop` is true.
  base::Result<void> accept(const std::string& by, const std::string& wrong, const std::atomic<bool>& stop);
  // The server is being sealed: what follows is written as sealed, until verifyTail().
  void distrust() noexcept { trusted_ = false; }

  const AuditHead& head() const noexcept { return head_; }
  std::size_t depth() const noexcept { return depth_; }  // rows that the outbox held when last looked at
  std::filesystem::path file() const;                    // the one that is written

 private:
  struct Batch {
    std::string text;
    AuditHead head;
    std::int64_t through = 0;  // of the outbox
    std::int64_t sinceCheckpoint = 0;
    bool checkpointed = false;      // its last line is a checkpoint
    std::optional<AuditNote> note;  // of its last checkpoint
  };

  base::Result<void> stayInPlace();
  base::Result<void> recover();
  base::Result<void> checkHead(const AuditHead& head);
  base::Result<void> checkComplete() const;
  base::Result<AuditHead> anchor() const;  // `length` is not told
  base::Result<void> verifyLines() const;
  base::Result<void> verifyNote(const AuditHead& checkpoint) const;
  base::Result<std::vector<AuditRow>> readOutbox(std::size_t limit);
  Batch begin(std::int64_t segment) const;
  // `open`: checkpoints can be made.
  void add(Batch& batch, const AuditRow& row, bool open) const;
  void addLine(Batch& batch, std::string_view entry, bool open) const;
  void appendLine(Batch& batch, std::string_view entry, bool sealed) const;
  void addCheckpoint(Batch& batch) const;
  base::Result<void> commit(const Batch& batch);
  base::Result<void> append(const Batch& batch);
  void learn(std::size_t batchBytes, bool more);
  bool open() const { return trusted_ && mac_({}).has_value(); }
  std::filesystem::path path(std::int64_t segment) const { return options_.directory / segmentName(segment); }

  Store& store_;
  const AuditMac& mac_;
  const AuditOptions& options_;
  const base::Clock& clock_;
  AuditHead head_;
  std::optional<AuditNote> note_;  // as the database had it with the head that recover() found
  std::optional<SegmentFile> file_;
  bool ready_ = false;         // head_ and file_ are as the database says
  bool trusted_ = false;       // the log was verified since the server was opened
  bool full_ = false;          // the next line begins a new file
  bool checkpointed_ = false;  // the last line is a checkpoint
  std::int64_t sinceCheckpoint_ = 0;
  std::size_t limit_ = 64;  // rows taken at once
  std::size_t depth_ = 0;
};

// Whether it may go into the log as it is. That the log was accepted is told by the log itself, in its place,
// and by no transaction.
bool soundOutboxEntry(std::string_view text);

bool soundCheckpoint(const AuditMac& mac, const AuditOptions& options, const AuditLine& line);
// The note that this checkpoint is the last one; all zero: there is none yet. Nothing while sealed.
std::optional<AuditNote> noteOf(const AuditMac& mac, const base::Uuid& server, const AuditHead& checkpoint);
// What is wrong with the note where this is the last checkpoint and `wanted` its noteOf(); empty: nothing.
// Without `wanted` only the numbers are compared.
std::string wrongNote(const std::optional<AuditNote>& note, const AuditHead& checkpoint,
                      const std::optional<AuditNote>& wanted);
// What the acceptance at the beginning of the file names (markedPlace), where it is proved by the checkpoint
// behind it; nothing where there is none. Errors: as base::systemError.
base::Result<std::optional<std::set<std::string>>> acceptedStart(const std::filesystem::path& file,
                                                                 std::int64_t length, const AuditMac& mac,
                                                                 const AuditOptions& options);
// The last checkpoint that the database knows, with the hash of its line, read out of the files in
// `directory`; all zero where there is none. Nothing is proved: whoever has the audit key compares it with
// the note. `length` is not told. Errors: Corrupt / AuditBroken; as base::systemError and the store's.
base::Result<AuditHead> notedCheckpoint(Store& store, const std::filesystem::path& directory);

// A sentence about the log; the reason says what to do.
base::Error auditBroken(const std::string& what);
base::Error auditUnwritable(const std::string& what);

}  // namespace kms
