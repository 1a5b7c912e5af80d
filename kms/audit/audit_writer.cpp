#include "kms/audit/audit_writer.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "hal/base/file.h"
#include "kms/audit/audit.h"

namespace kms {
namespace {

using base::Code;
using base::Error;
using base::Reason;
using base::Result;

constexpr std::size_t kBatchMost = std::size_t{8} << 20U;  // bytes of text, one row more at most
constexpr std::size_t kLimitLeast = 16;                    // rows
constexpr std::size_t kLimitMost = 8192;

// What stands in the log for a row of the outbox that is no entry: somebody wrote into the database.
std::string damagedRow(std::string_view text, base::Time at) {
  return auditText(at, {Event::DatabaseUnusable, "kmsd", "outbox",
                        "a row of the outbox is not an entry: " + std::string(text.substr(0, kAuditText))});
}

}  // namespace

bool soundOutboxEntry(std::string_view text) {
  const auto facts = parseAuditEntry(text);
  return facts && facts->event != static_cast<std::uint16_t>(Event::AuditAccepted);
}

Error auditBroken(const std::string& what) {
  return {Code::Corrupt,
          "the audit log is broken: " + what +
              "; put the right file back and run 'kmsctl unseal', or go on without it with 'kmsctl unseal "
              "--accept-broken-audit'",
          Reason::AuditBroken};
}

Error auditUnwritable(const std::string& what) {
  return {Code::Unavailable,
          "changes are refused until the audit log can be written (" + what + "); free or mend its disk",
          Reason::AuditUnwritable};
}

AuditWriter::AuditWriter(Store& store, const AuditMac& mac, const AuditOptions& options,
                         const base::Clock& clock)
    : store_(store), mac_(mac), options_(options), clock_(clock) {}

std::filesystem::path AuditWriter::file() const {
  return path(std::max<std::int64_t>(head_.segment + (full_ ? 1 : 0), 1));
}

Result<void> AuditWriter::flush(bool checkpoint) {
  if (ready_) {
    if (auto there = stayInPlace(); !there) return there;
  }
  if (!ready_) {
    if (auto done = recover(); !done) return done;
  }
  for (;;) {
    auto rows = readOutbox(limit_);
    if (!rows) return auditUnwritable(rows.error().what);
    depth_ = rows->size();
    const bool keys = open();
    Batch batch = begin(full_ || head_.segment == 0 ? head_.segment + 1 : head_.segment);
    std::size_t used = 0;
    const auto atMost = [&] {
      return batch.text.size() >= kBatchMost || (keys && batch.head.length >= options_.segmentMost);
    };
    for (; used < rows->size() && !(used > 0 && atMost()); ++used) add(batch, (*rows)[used], keys);
    const bool more = used < rows->size() || rows->size() == limit_;
    const bool endFile = keys && batch.head.length >= options_.segmentMost;
    if (keys && !batch.checkpointed && (endFile || (checkpoint && !more))) addCheckpoint(batch);
    if (!batch.text.empty()) {
      if (auto done = commit(batch); !done) return done;
    }
    depth_ -= used;
    learn(batch.text.size(), more);
    if (!more) return {};
  }
}

// Looks whether the file that is written is still the one that has this name. Where it has another length, it
// is looked at anew.
Result<void> AuditWriter::stayInPlace() {
  if (!file_) return {};
  auto same = file_->inPlace(head_.length);
  if (same && *same) return {};
  ready_ = false;
  file_.reset();
  if (same) return {};
  if (same.error().code == Code::NotFound || same.error().code == Code::Corrupt)
    return auditBroken(same.error().what);
  return auditUnwritable(same.error().what);
}

void AuditWriter::learn(std::size_t batchBytes, bool more) {
  if (batchBytes > kBatchMost / 2) limit_ = std::max(kLimitLeast, limit_ / 2);
  if (more && batchBytes < kBatchMost / 8) limit_ = std::min(kLimitMost, limit_ * 2);
}

Result<std::vector<AuditRow>> AuditWriter::readOutbox(std::size_t limit) {
  std::vector<AuditRow> rows;
  auto read = store_.read([&](StoreReader& reader) -> Result<void> {
    auto found = reader.outbox(limit);
    if (!found) return std::move(found).error();
    rows = *std::move(found);
    return {};
  });
  if (!read) return std::move(read).error();
  return rows;
}

AuditWriter::Batch AuditWriter::begin(std::int64_t segment) const {
  Batch batch;
  batch.head = head_;
  if (segment != head_.segment) batch.head.length = 0;
  batch.head.segment = segment;
  batch.sinceCheckpoint = sinceCheckpoint_;
  batch.checkpointed = checkpointed_;
  return batch;
}

void AuditWriter::add(Batch& batch, const AuditRow& row, bool open) const {
  std::string_view rest = base::asText(row.entry);
  for (;;) {
    const auto lf = std::min(rest.find('\n'), rest.size());
    const std::string_view entry = rest.substr(0, lf);
    if (soundOutboxEntry(entry)) {
      addLine(batch, entry, open);
    } else {
      addLine(batch, damagedRow(entry, clock_.now()), open);
    }
    if (lf == rest.size()) break;
    rest.remove_prefix(lf + 1);
  }
  batch.through = row.sequence;
}

void AuditWriter::addLine(Batch& batch, std::string_view entry, bool open) const {
  appendLine(batch, entry, !open);
  if (batch.sinceCheckpoint >= options_.checkpointEvery && open) addCheckpoint(batch);
}

void AuditWriter::appendLine(Batch& batch, std::string_view entry, bool sealed) const {
  const std::size_t from = batch.text.size();
  appendAuditLine(batch.text, ++batch.head.number, batch.head.hash, entry, sealed);
  batch.head.hash = auditHash(std::string_view(batch.text).substr(from));
  batch.text += '\n';
  batch.head.length += static_cast<std::int64_t>(batch.text.size() - from);
  batch.checkpointed = false;
  ++batch.sinceCheckpoint;
}

void AuditWriter::addCheckpoint(Batch& batch) const {
  const base::Time at = clock_.now();
  const auto mac = mac_(checkpointMessage(options_.server, batch.head.number + 1, batch.head.hash, at));
  if (!mac) return;  // sealed at this moment: the next unsealing makes one
  std::string line;
  AuditHead head = batch.head;
  appendCheckpointLine(line, ++head.number, head.hash, *mac, at);
  head.hash = auditHash(line);
  line += '\n';
  head.length += static_cast<std::int64_t>(line.size());
  const auto note = noteOf(mac_, options_.server, head);
  if (!note) return;
  batch.text += line;
  batch.head = head;
  batch.note = note;
  batch.checkpointed = true;
  batch.sinceCheckpoint = 0;
}

Result<void> AuditWriter::commit(const Batch& batch) {
  ready_ = false;  // until both the files and the database have it
  auto done = append(batch);
  if (done)
    done = store_.writeAndWait([&](Txn& txn) -> Result<void> {
      if (auto dropped = txn.dropAudit(batch.through); !dropped) return dropped;
      if (batch.note) {
        if (auto noted = txn.setAuditNote(*batch.note); !noted) return noted;
      }
      return txn.setAuditHead(batch.head);
    });
  if (!done) {
    file_.reset();
    return auditUnwritable(done.error().what);
  }
  head_ = batch.head;
  checkpointed_ = batch.checkpointed;
  sinceCheckpoint_ = batch.sinceCheckpoint;
  full_ = checkpointed_ && head_.length >= options_.segmentMost;
  ready_ = true;
  return {};
}

Result<void> AuditWriter::append(const Batch& batch) {
  if (!file_ || batch.head.segment != head_.segment) {
    file_.reset();
    if (::mkdir(options_.directory.c_str(), 0700) == 0) {
      if (auto synced = base::syncDirectory(options_.directory.parent_path()); !synced) return synced;
    } else if (errno != EEXIST) {
      return base::systemError("cannot make " + options_.directory.string(), errno);
    }
    auto made = SegmentFile::create(path(batch.head.segment));
    if (!made) return std::move(made).error();
    file_ = *std::move(made);
  }
  return file_->write(batch.head.length - static_cast<std::int64_t>(batch.text.size()), batch.text);
}

}  // namespace kms
