// How the writer begins: the files must be what the database says, and what was never relied on goes.
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "hal/base/file.h"
#include "kms/audit/audit.h"
#include "kms/audit/audit_writer.h"

namespace kms {
namespace {

using base::Code;
using base::Error;
using base::Result;

constexpr std::size_t kTailRows = 8192;  // no batch takes more of the outbox at once

bool missing(const Error& error) { return error.code == Code::NotFound; }

// What was met while a file was read: damage of the file is damage of the log; a disk that does not answer is
// not.
Error unreadable(const Error& error) {
  return error.code == Code::Corrupt || missing(error) ? auditBroken(error.what)
                                                       : auditUnwritable(error.what);
}

std::vector<std::string> entriesOf(const std::vector<AuditRow>& rows) {
  std::vector<std::string> all;
  for (const AuditRow& row : rows) {
    std::string_view rest = base::asText(row.entry);
    for (auto lf = rest.find('\n'); lf != std::string_view::npos; lf = rest.find('\n')) {
      all.emplace_back(rest.substr(0, lf));
      rest.remove_prefix(lf + 1);
    }
    all.emplace_back(rest);
  }
  return all;
}

// Lines behind the head, while they chain on, come from a batch that was not committed. So their entries are
// still in the outbox; where they are not, the database is older than the files.
class Tail {
 public:
  Tail(std::vector<std::string> entries, const AuditHead& head)
      : entries_(std::move(entries)), number_(head.number), hash_(head.hash) {}

  Result<void> fit(const std::filesystem::path& file, std::int64_t from) {
    auto size = segmentSize(file);
    if (!size && missing(size.error())) return {};
    if (!size) return unreadable(size.error());
    auto reader = SegmentReader::open(file, from, *size);
    if (!reader) return unreadable(reader.error());
    for (;;) {
      auto line = reader->next();
      if (!line || !*line) return {};  // torn, or at the end
      const auto parsed = parseAuditLine(**line);
      if (!parsed || parsed->number != number_ + 1 || parsed->prev != hash_) return {};
      if (!parsed->checkpoint && !known(*parsed, **line, reader->lineAt() == 0))
        return auditBroken(file.filename().string() +
                           " has lines that the database does not know of, so the " +
                           "database is older than the log");
      ++number_;
      hash_ = auditHash(**line);
    }
  }

 private:
  bool known(const AuditLine& line, std::string_view text, bool first) {
    if (first && line.entry.event == static_cast<std::uint16_t>(Event::AuditAccepted)) return true;
    if (next_ >= entries_.size()) return false;
    const std::string& entry = entries_[next_++];
    // A row that is no entry was told of in other words.
    if (!soundOutboxEntry(entry))
      return line.entry.event == static_cast<std::uint16_t>(Event::DatabaseUnusable);
    std::string wanted;
    appendAuditLine(wanted, line.number, line.prev, entry, line.sealed);
    return wanted == text;
  }

  const std::vector<std::string> entries_;
  std::size_t next_ = 0;
  std::int64_t number_;
  AuditHash hash_;
};

Result<void> removeFile(const std::filesystem::path& file) {
  if (::unlink(file.c_str()) != 0) {
    if (errno == ENOENT) return {};
    return auditUnwritable(base::systemError("cannot remove " + file.string(), errno).what);
  }
  if (auto synced = base::syncDirectory(file.parent_path()); !synced)
    return auditUnwritable(synced.error().what);
  return {};
}

}  // namespace

Result<void> AuditWriter::recover() {
  file_.reset();
  // Where the database's disk failed, nobody knows what reached it; then the files stay as they are.
  auto alive = store_.writeAndWait([](Txn&) -> Result<void> { return {}; });
  if (!alive) return auditUnwritable(alive.error().what);
  AuditHead head;
  std::optional<AuditNote> note;
  std::vector<AuditRow> rows;
  auto read = store_.read([&](StoreReader& reader) -> Result<void> {
    auto found = reader.auditHead();
    if (!found) return std::move(found).error();
    head = *found;
    auto noted = reader.auditNote();
    if (!noted) return std::move(noted).error();
    note = *noted;
    auto waiting = reader.outbox(kTailRows);
    if (!waiting) return std::move(waiting).error();
    rows = *std::move(waiting);
    return {};
  });
  if (!read && read.error().code == Code::Corrupt) return auditBroken(read.error().what);
  if (!read) return auditUnwritable(read.error().what);
  depth_ = rows.size();
  if (auto sound = checkHead(head); !sound) return sound;

  Tail tail(entriesOf(rows), head);
  if (head.segment > 0) {
    if (auto fits = tail.fit(path(head.segment), head.length); !fits) return fits;
  }
  if (auto fits = tail.fit(path(head.segment + 1), 0); !fits) return fits;
  if (auto removed = removeFile(path(head.segment + 1)); !removed) return removed;
  if (head.segment > 0) {
    auto file = SegmentFile::open(path(head.segment), head.length);
    if (!file) return unreadable(file.error());
    file_ = *std::move(file);
  }
  head_ = head;
  note_ = note;
  full_ = checkpointed_ && head.length >= options_.segmentMost;
  sinceCheckpoint_ = checkpointed_ || head.number == 0
                         ? 0
                         : options_.checkpointEvery;  // how many there are is not looked for
  ready_ = true;
  return {};
}

// The newest file is there, and ends where and as the database says.
Result<void> AuditWriter::checkHead(const AuditHead& head) {
  checkpointed_ = false;
  auto segments = listSegments(options_.directory);
  if (!segments) return auditUnwritable(segments.error().what);
  if (head.segment < 0 || head.number < 0 || head.length < 0 || (head.segment > 0) != (head.length > 0))
    return auditBroken("the database's mark of its end is damaged");
  if (!segments->empty() && segments->back() > head.segment + 1)
    return auditBroken(segmentName(segments->back()) + " is not known to the database");
  if (head.segment == 0) return {};
  const std::string name = segmentName(head.segment);
  auto size = segmentSize(path(head.segment));
  if (!size && missing(size.error())) return auditBroken(name + " is missing");
  if (!size) return unreadable(size.error());
  if (*size < head.length)
    return auditBroken(name + " is shorter than it was: " + std::to_string(*size) + " of " +
                       std::to_string(head.length) + " bytes");
  auto last = lastLine(path(head.segment), head.length);
  if (!last) return unreadable(last.error());
  const auto parsed = parseAuditLine(*last);
  if (!parsed || parsed->number != head.number || auditHash(*last) != head.hash) {
    auto line = lineNumberAt(path(head.segment), head.length - static_cast<std::int64_t>(last->size()) - 1);
    return auditBroken(name + (line ? ", line " + std::to_string(*line) : "") +
                       ": the last line is not the one that the database knows");
  }
  checkpointed_ = parsed->checkpoint.has_value();
  return {};
}

}  // namespace kms
