// Store: keeps sealed rows, the slots and epochs that open them, and the audit outbox. It never sees a key or
// a plaintext; what a row means is known above it. Safe to use from several threads.
//
// Reads run where they are called, each thread on a read connection of its own. Writes are jobs: ONE writer
// takes all that wait, runs them in one transaction, commits once, and only then calls each `done`.
//
// A JOB MAY BE RUN AGAIN, from its start, before its `done` is called: a job that fails after it has changed
// something undoes the whole transaction, and then the others of its batch are run anew. So what a job leaves
// outside the transaction must be set, not added to, and must bear that the transaction never happened.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hal/base/bytes.h"
#include "hal/base/result.h"

namespace kms {

// The numbers stand in the associated data of every sealed row: append only.
enum class Table : std::uint8_t {
  Keyring = 1,
  Users = 2,
  Tokens = 3,
  Authorities = 4,
  Certificates = 5,
  Archive = 6,  // users' private encryption keys
  Approvals = 7,
  Revocations = 8
};
// Clear look-up columns; their values are MACs, so that the store cannot be read for names.
enum class Index : std::uint8_t { UserName = 1, UserUid = 2 };

struct SealedRow {
  std::int64_t key = 0;          // rises with each new row of a table
  std::uint32_t revision = 0;    // rises with each rewriting of this row
  std::uint32_t generation = 0;  // of the root key that sealed it
  std::int64_t epoch = 0;        // epoch and counter make the nonce
  std::uint64_t counter = 0;
  base::Bytes sealed;  // ciphertext, then a 16-byte tag
};

// One medium's wrapping of the root key; both parts are opaque here (kms/keys/slot.h reads them).
struct SlotRow {
  std::int64_t id = 0;
  base::Bytes header;   // immutable, associated data of the wrapping
  base::Bytes wrapped;  // nonce, ciphertext, tag
};

struct EpochRow {
  std::int64_t id = 0;
  base::Bytes salt;  // 32 random bytes
};

// What one transaction put on record: one or more entries, a line each, with LF between them.
struct AuditRow {
  std::int64_t sequence = 0;
  base::Bytes entry;
};

// Which checkpoint of the audit log is its last one. Its MAC is made and checked above.
struct AuditNote {
  std::int64_t segment = 0;         // number of the file that has it; 0: none yet
  std::int64_t number = 0;          // of its line
  std::array<std::byte, 32> mac{};  // under the audit key, see kms/keys/audit_note.h
};

// How far the files of the audit log reach, as the database knows it. What lies behind it in the newest file
// was never relied on: its entries are still in the outbox.
struct AuditHead {
  std::int64_t segment = 0;          // number of the newest file; 0: none yet
  std::int64_t length = 0;           // bytes of it
  std::int64_t number = 0;           // of its last line
  std::array<std::byte, 32> hash{};  // SHA-256 of its last line, without the LF
};

class StoreReader {
 public:
  // What asOf() says inside a write job.
  static constexpr std::uint64_t kLatest = ~std::uint64_t{0};

  virtual ~StoreReader() = default;
  // Which change was the last before this view (see RowWatcher); 0: not known.
  virtual std::uint64_t asOf() const noexcept { return 0; }
  virtual base::Result<std::optional<SealedRow>> get(Table table, std::int64_t key) = 0;
  // Rows with key > `after`, rising, at most `limit`.
  virtual base::Result<std::vector<SealedRow>> list(Table table, std::int64_t after, std::size_t limit) = 0;
  virtual base::Result<std::optional<std::int64_t>> find(Index index, base::BytesView mac) = 0;
  // Sequence numbers of the user's tokens > `after`, rising; those still unfiled (see Txn::fileTokens) are
  // not seen.
  virtual base::Result<std::vector<std::int64_t>> tokensOf(std::int64_t user, std::int64_t after,
                                                           std::size_t limit) = 0;
  virtual base::Result<std::vector<SlotRow>> slots() = 0;
  virtual base::Result<std::optional<EpochRow>> epoch(std::int64_t id) = 0;
  virtual base::Result<std::optional<std::int64_t>> number(
      std::string_view name) = 0;  // named counters and marks
  // Inside a write job: without what its own transaction has put on record.
  virtual base::Result<std::vector<AuditRow>> outbox(std::size_t limit) = 0;
  // All zero where no file was written yet.
  virtual base::Result<AuditHead> auditHead() = 0;
  // Nothing where none was ever made.
  virtual base::Result<std::optional<AuditNote>> auditNote() = 0;
};

class Txn : public StoreReader {
 public:
  // Erasing, unbinding, unfiling or removing what is not there is no error.
  // Inserts, or replaces the row with the same key.
  virtual base::Result<void> put(Table table, const SealedRow& row) = 0;
  // Errors: Conflict where there is a row with this key.
  virtual base::Result<void> insert(Table table, const SealedRow& row);
  virtual base::Result<void> erase(Table table, std::int64_t key) = 0;
  // Errors: Conflict where the MAC is bound already.
  virtual base::Result<void> bind(Index index, base::BytesView mac, std::int64_t key) = 0;
  virtual base::Result<void> unbind(Index index, base::BytesView mac) = 0;
  // Files (user, token) pairs for tokensOf; in sorted batches, because scattered inserts are what makes
  // stores slow.
  virtual base::Result<void> fileTokens(std::vector<std::pair<std::int64_t, std::int64_t>> userAndToken) = 0;
  virtual base::Result<void> unfileToken(std::int64_t user, std::int64_t token) = 0;
  virtual base::Result<void> addSlot(const SlotRow& slot) = 0;
  virtual base::Result<void> removeSlot(std::int64_t id) = 0;
  // Adds an epoch and gives it the next id.
  virtual base::Result<std::int64_t> addEpoch(base::BytesView salt) = 0;
  virtual base::Result<void> setNumber(std::string_view name, std::int64_t value) = 0;
  // Puts an entry into the outbox; it is committed with what it tells, or not at all. The entries of one
  // transaction share a row, within reason.
  virtual base::Result<void> appendAudit(base::BytesView entry) = 0;
  // Erases the outbox up to and with this sequence number. A number is never given again.
  virtual base::Result<void> dropAudit(std::int64_t through) = 0;
  virtual base::Result<void> setAuditHead(const AuditHead& head) = 0;
  virtual base::Result<void> setAuditNote(const AuditNote& note) = 0;
};

// Hears of every row that is replaced or erased, so that what was read of it before can be forgotten. Changes
// are counted from 1. Whoever keeps a row that a view gave must drop it when it changes, and must not take it
// up when it has changed later than the view's asOf(), nor between changing() and settled().
class RowWatcher {
 public:
  virtual ~RowWatcher() = default;
  // A job replaces or erases this row: change number `at`. One call at a time.
  virtual void changing(Table table, std::int64_t key, std::uint64_t at) noexcept = 0;
  // The transaction of the changes so far has ended, committed or not; none of its `done` was called yet.
  virtual void settled(std::uint64_t at) noexcept = 0;
};

struct RowView {
  std::optional<SealedRow> row;
  std::uint64_t asOf = 0;  // as StoreReader::asOf
};

// What a copy holds.
struct CopyFacts {
  std::int64_t schema = 0;  // format of the database
  std::int64_t epoch = 0;   // the newest sealing epoch
  std::int64_t users = 0;   // rows
  std::int64_t tokens = 0;
  std::int64_t certificates = 0;
};

class Store {
 public:
  using ReadJob = std::function<base::Result<void>(StoreReader&)>;
  using WriteJob = std::function<base::Result<void>(Txn&)>;
  using Done = std::function<void(base::Result<void>)>;

  virtual ~Store() = default;
  // One consistent view for the whole job. A job keeps the view, and a place among few, while it runs: it
  // neither waits nor reads anew.
  virtual base::Result<void> read(const ReadJob& job) = 0;
  // One row, in a view of its own: cheaper than read().
  virtual base::Result<RowView> get(Table table, std::int64_t key);
  // Tells the watcher of each transaction that begins from now on, as long as it lives. False: this store
  // tells nobody, so nothing may be kept.
  virtual bool watch(std::weak_ptr<RowWatcher> watcher);
  // A job that fails is undone alone and its error handed to `done`; a failed commit fails all jobs of its
  // batch. `done` is called exactly once, on the writer's thread or on the caller's. A failed sync closes the
  // store for good: reads go on, writes answer Unavailable. Jobs and `done` must not wait for a write.
  // What they throw becomes an Internal error, or is dropped.
  virtual void write(WriteJob job, Done done) = 0;
  // Copies all that is committed now into a new file, which openSqliteStore() opens, while others read and
  // write. One call at a time. Once `stop` is true it ends with Unavailable; the caller removes what is left
  // of the file. Errors: Unavailable (no space, which is looked at before; too much is written meanwhile);
  // Unsupported (no file to copy); as base::systemError.
  virtual base::Result<CopyFacts> copyTo(const std::filesystem::path& file, const std::atomic<bool>& stop);
  // The same as write(), waiting for the end.
  base::Result<void> writeAndWait(WriteJob job);
};

}  // namespace kms
