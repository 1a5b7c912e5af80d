// What is proved when the server is opened: the lines from the last checkpoint on. It takes as long as these
// few lines do, however long the log is.
#include <algorithm>

#include "kms/audit/audit.h"
#include "kms/audit/audit_verify.h"
#include "kms/keys/audit_note.h"

namespace kms {
namespace {

using base::Error;
using base::Result;

constexpr std::int64_t kFirstLook = std::int64_t{1}
                                    << 20U;   // bytes from the end; four times as many each time
constexpr std::size_t kCheckpointMost = 256;  // bytes of a checkpoint's line

Error brokenAt(const std::filesystem::path& file, std::int64_t offset, const std::string& what) {
  auto line = lineNumberAt(file, offset);
  return auditBroken(file.filename().string() + (line ? ", line " + std::to_string(*line) : "") + ": " +
                     what);
}

Error unreadable(const Error& error) {
  return error.code == base::Code::Corrupt || error.code == base::Code::NotFound
             ? auditBroken(error.what)
             : auditUnwritable(error.what);
}

// Where the last checkpoint of the first `length` bytes begins; nothing where there is none.
Result<std::optional<std::int64_t>> lastCheckpoint(const std::filesystem::path& file, std::int64_t length) {
  for (std::int64_t look = kFirstLook;; look *= 4) {
    const std::int64_t from = std::max<std::int64_t>(length - look, 0);
    auto reader = SegmentReader::open(file, from, length);
    if (!reader) return unreadable(reader.error());
    std::optional<std::int64_t> found;
    for (bool whole = from == 0;; whole = true) {  // the first piece may be the rest of a line
      auto line = reader->next();
      if (!line) return brokenAt(file, reader->position(), line.error().what);
      if (!*line) break;
      if (!whole || (*line)->size() > kCheckpointMost) continue;
      const auto parsed = parseAuditLine(**line);
      if (parsed && parsed->checkpoint) found = reader->lineAt();
    }
    if (found || from == 0) return found;
  }
}

}  // namespace

bool soundCheckpoint(const AuditMac& mac, const AuditOptions& options, const AuditLine& line) {
  if (!line.checkpoint) return false;
  const base::Bytes message = checkpointMessage(options.server, line.number, line.prev, line.at);
  const auto wanted = mac(message);
  if (!wanted) return false;
  const auto is = [&line](const Mac& made) { return base::equalConstantTime(made, *line.checkpoint); };
  if (is(*wanted)) return true;
  return options.formerMacs && std::ranges::any_of(options.formerMacs(message), is);
}

Result<AuditHead> notedCheckpoint(Store& store, const std::filesystem::path& directory) {
  AuditHead head;
  std::optional<AuditNote> note;
  auto read = store.read([&](StoreReader& reader) -> Result<void> {
    const auto foundHead = reader.auditHead();
    if (!foundHead) return Error(foundHead.error());
    head = *foundHead;
    const auto foundNote = reader.auditNote();
    if (!foundNote) return Error(foundNote.error());
    note = *foundNote;
    return {};
  });
  if (!read) return std::move(read).error();
  AuditHead at;
  if (!note || note->segment == 0) return at;
  const auto file = directory / segmentName(note->segment);
  auto length = segmentSize(file);
  if (!length) return unreadable(length.error());
  if (note->segment == head.segment) *length = std::min(*length, head.length);
  const auto start = lastCheckpoint(file, *length);
  if (!start) return Error(start.error());
  if (!*start) return auditBroken(file.filename().string() + " has no checkpoint");
  auto reader = SegmentReader::open(file, **start, *length);
  if (!reader) return unreadable(reader.error());
  const auto text = reader->next();
  if (!text) return Error(text.error());
  const auto line = *text ? parseAuditLine(**text) : Result<AuditLine>(auditBroken("a line is gone"));
  if (!line) return Error(line.error());
  if (line->number != note->number)
    return brokenAt(file, **start, "is not the checkpoint that the database has noted");
  at.segment = note->segment;
  at.number = line->number;
  at.hash = auditHash(**text);
  return at;
}

std::optional<AuditNote> noteOf(const AuditMac& mac, const base::Uuid& server, const AuditHead& checkpoint) {
  const auto made = mac(auditNoteMessage(server, checkpoint.segment, checkpoint.number, checkpoint.hash));
  if (!made) return std::nullopt;
  return AuditNote{checkpoint.segment, checkpoint.number, *made};
}

std::string wrongNote(const std::optional<AuditNote>& note, const AuditHead& checkpoint,
                      const std::optional<AuditNote>& wanted) {
  if (!note) return "the database has no note of the last checkpoint";
  if (note->segment != checkpoint.segment || note->number != checkpoint.number) {
    const auto entry = [](std::int64_t number) {
      return number == 0 ? std::string("none") : "entry " + std::to_string(number);
    };
    return "the last checkpoint is " + entry(checkpoint.number) + ", but the database has noted " +
           entry(note->number);
  }
  if (wanted && !base::equalConstantTime(wanted->mac, note->mac))
    return "the database's note of the last checkpoint is not one of this server's key";
  return {};
}

Result<void> AuditWriter::verifyTail() {
  trusted_ = false;
  ready_ = false;
  if (auto done = recover(); !done) return done;
  if (auto complete = checkComplete(); !complete) return complete;
  if (auto sound = verifyLines(); !sound) return sound;
  trusted_ = true;
  return {};
}

// No file is missing, but for those whose loss was accepted: a later file names them.
Result<void> AuditWriter::checkComplete() const {
  auto segments = listSegments(options_.directory);
  if (!segments) return auditUnwritable(segments.error().what);
  std::set<std::int64_t> missing;
  for (std::int64_t segment = 1; segment <= head_.segment; ++segment)
    if (!std::binary_search(segments->begin(), segments->end(), segment)) missing.insert(segment);
  for (const std::int64_t segment : *segments) {
    if (missing.empty()) return {};
    if (segment < *missing.begin() || segment > head_.segment) continue;
    auto size = segmentSize(path(segment));
    if (!size) return unreadable(size.error());
    auto accepted = acceptedStart(path(segment), *size, mac_, options_);
    if (!accepted) return unreadable(accepted.error());
    if (!*accepted) continue;
    std::erase_if(missing, [&](std::int64_t lost) {
      const AuditProblem named{segmentName(lost), 0, std::string(kMissingMark), {}, {}};
      return lost < segment && (*accepted)->contains(markedPlace(named));
    });
  }
  if (missing.empty()) return {};
  return auditBroken(segmentName(*missing.begin()) + " is missing");
}

// What the first line to be proved follows from: the end of the file before, which is a checkpoint.
Result<AuditHead> AuditWriter::anchor() const {
  AuditHead at;
  if (head_.segment <= 1) return at;
  at.segment = head_.segment - 1;
  const auto file = path(head_.segment - 1);
  auto size = segmentSize(file);
  if (!size) return unreadable(size.error());
  if (*size == 0) return auditBroken(file.filename().string() + " is empty");
  auto text = lastLine(file, *size);
  if (!text) return unreadable(text.error());
  const auto line = parseAuditLine(*text);
  if (!line || !soundCheckpoint(mac_, options_, *line))
    return brokenAt(file, *size - static_cast<std::int64_t>(text->size()) - 1,
                    "is not its closing checkpoint");
  at.number = line->number;
  at.hash = auditHash(*text);
  return at;
}

// The database knows which checkpoint is the last one, so that none can be taken away.
Result<void> AuditWriter::verifyNote(const AuditHead& checkpoint) const {
  const auto wanted = noteOf(mac_, options_.server, checkpoint);
  if (!wanted)
    return Error{base::Code::Unavailable, "the server was sealed meanwhile", base::Reason::SealedByCommand};
  const std::string wrong = wrongNote(note_, checkpoint, wanted);
  if (!wrong.empty()) return auditBroken(wrong);
  return {};
}

Result<void> AuditWriter::verifyLines() const {
  if (head_.segment == 0) return verifyNote({});
  const auto file = path(head_.segment);
  auto start = lastCheckpoint(file, head_.length);
  if (!start) return std::move(start).error();
  AuditHead at;
  if (!*start) {
    auto before = anchor();
    if (!before) return std::move(before).error();
    at = *before;
  }
  AuditHead checkpoint = at;
  auto reader = SegmentReader::open(file, start->value_or(0), head_.length);
  if (!reader) return unreadable(reader.error());
  for (bool first = true;; first = false) {
    auto text = reader->next();
    if (!text) return brokenAt(file, reader->position(), text.error().what);
    if (!*text) break;
    const auto line = parseAuditLine(**text);
    if (!line) return brokenAt(file, reader->lineAt(), line.error().what);
    const bool anchored = first && *start;
    if (!anchored && (line->number != at.number + 1 || line->prev != at.hash))
      return brokenAt(file, reader->lineAt(), "does not follow from the line before it");
    if (line->checkpoint && !soundCheckpoint(mac_, options_, *line))
      return brokenAt(file, reader->lineAt(), "the checkpoint is not one of this server's key");
    // A checkpoint proves an acceptance, and behind these lines there is none.
    if (!line->checkpoint && line->entry.event == static_cast<std::uint16_t>(Event::AuditAccepted))
      return brokenAt(file, reader->lineAt(), "the acceptance has no sound checkpoint behind it");
    at.segment = head_.segment;
    at.number = line->number;
    at.hash = auditHash(**text);
    if (line->checkpoint) checkpoint = at;
  }
  if (at.number != head_.number || at.hash != head_.hash)
    return brokenAt(file, reader->lineAt(), "the last line is not the one that the database knows");
  return verifyNote(checkpoint);
}

}  // namespace kms
