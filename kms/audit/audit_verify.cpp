#include "kms/audit/audit_verify.h"

#include <algorithm>
#include <utility>

#include "hal/base/rfc3339.h"
#include "kms/audit/audit.h"

namespace kms {

using base::Code;
using base::Error;
using base::Result;

Result<void> AuditVerifier::readTo(const AuditHead& head, const std::optional<AuditNote>& note) {
  if (report_.lines == 0) report_.checkpointsChecked = mac_({}).has_value();
  if (auto read = readFiles(head.segment); !read) return read;
  if (auto read = readNewest(head); !read) return read;
  refuseAcceptance();
  compareNote(note);
  return {};
}

Result<void> AuditVerifier::readBefore(std::int64_t segment, const AuditHead& head) {
  report_.checkpointsChecked = mac_({}).has_value();
  if (auto read = readFiles(segment); !read) return read;
  refuseAcceptance();
  join(head.number, head.hash);
  return {};
}

void AuditVerifier::compareNote(const std::optional<AuditNote>& note) {
  const auto wanted = noteOf(mac_, options_.server, checkpoint_);
  report_.checkpointsChecked = report_.checkpointsChecked && wanted.has_value();
  const std::string wrong = wrongNote(note, checkpoint_, wanted);
  if (!wrong.empty() && !std::exchange(noteTold_, true)) problem(0, "note", nullptr, wrong, "kms.db");
}

Result<void> AuditVerifier::readFiles(std::int64_t before) {
  if (before > 0 && segment_ == 0) beginSegment(1);
  while (segment_ < before) {
    auto size = segmentSize(path(segment_));
    if (!size && size.error().code == Code::NotFound) {
      problem(0, "missing", nullptr, "is missing");
      known_ = false;
    } else if (!size && size.error().code == Code::Corrupt) {
      problem(0, "no_file", nullptr, size.error().what);
      known_ = false;
    } else if (!size) {
      return std::move(size).error();
    } else if (auto read = readSegment(segment_, *size); !read) {
      return read;
    }
    beginSegment(segment_ + 1);
  }
  return {};
}

Result<void> AuditVerifier::readNewest(const AuditHead& head) {
  if (head.segment == 0) return {};
  const auto tell = [this](std::int64_t line, std::string_view kind, std::string what, std::int64_t segment) {
    if (!endTold_) problem(line, kind, nullptr, std::move(what), segmentName(segment));
  };
  auto size = segmentSize(path(segment_));
  if (!size && size.error().code != Code::NotFound) return std::move(size).error();
  if (!size) {
    tell(0, "missing", "is missing", segment_);
    endTold_ = true;
    return {};
  }
  auto segments = listSegments(options_.directory);
  if (!segments) return std::move(segments).error();
  if (*size < head.length) tell(0, "short", "is shorter than the database knows it", segment_);
  if (auto read = readSegment(segment_, std::min(*size, head.length)); !read) return read;
  const bool ends = !known_ || (at_.number == head.number && at_.hash == head.hash);
  if (!ends) tell(line_, "end", "the last line is not the one that the database knows", segment_);
  for (const std::int64_t other : *segments)
    if (other > head.segment + 1) tell(0, "unknown", "is not known to the database", other);
  endTold_ = endTold_ || *size < head.length || !ends || segments->back() > head.segment + 1;
  return {};
}

void AuditVerifier::beginSegment(std::int64_t segment) {
  refuseAcceptance();
  segment_ = segment;
  offset_ = 0;
  linesBefore_ = std::exchange(line_, 0);
}

Result<void> AuditVerifier::readSegment(std::int64_t segment, std::int64_t to) {
  auto reader = SegmentReader::open(path(segment), offset_, to);
  if (!reader && reader.error().code == Code::Corrupt) {
    problem(0, "no_file", nullptr, reader.error().what);
    known_ = false;
    return {};
  }
  if (!reader) return std::move(reader).error();
  if (offset_ == 0) ++report_.segments;
  for (;;) {
    if (stop_ != nullptr && stop_->load(std::memory_order_relaxed))
      return Error{Code::Unavailable, "the server is stopping, so its audit log was not read to the end"};
    auto text = reader->next();
    if (!text && text.error().code == Code::Corrupt) {
      problem(line_ + 1, "cut", nullptr, text.error().what + "; the rest of the file cannot be read");
      known_ = false;
      return {};
    }
    if (!text) return std::move(text).error();
    if (!*text) return {};
    if (auto taken = takeLine(++line_, **text); !taken) return taken;
    offset_ = reader->position();
  }
}

Result<void> AuditVerifier::takeLine(std::int64_t number, std::string_view text) {
  ++report_.lines;
  const auto line = parseAuditLine(text);
  const AuditHash hash = auditHash(text);
  const bool accepting =
      line && !line->checkpoint && line->entry.event == static_cast<std::uint16_t>(Event::AuditAccepted);
  if (!line || (!line->checkpoint && !accepting)) refuseAcceptance();
  if (!line) {
    problem(number, "no_entry", &hash, line.error().what);
    known_ = false;
    checkpointed_ = false;
    return {};
  }
  follow(*line, number, hash);
  if (!report_.first) report_.first = line->at;
  report_.last = line->at;
  if (line->sealed) ++report_.sealedLines;
  if (line->checkpoint) takeCheckpoint(number, *line, hash);
  if (accepting) takeAcceptance(number, *line, hash);
  checkpointed_ = line->checkpoint.has_value();
  at_.number = line->number;
  at_.hash = hash;
  known_ = true;
  if (!line->checkpoint && sink_) return sink_(line->entry);
  return {};
}

void AuditVerifier::takeCheckpoint(std::int64_t number, const AuditLine& line, const AuditHash& hash) {
  ++report_.checkpoints;
  const bool keys = mac_({}).has_value();
  report_.checkpointsChecked = report_.checkpointsChecked && keys;
  const bool sound = !keys || soundCheckpoint(mac_, options_, line);
  if (!sound) {
    problem(number, "checkpoint", &hash, "the checkpoint is not one of this server's key");
    refuseAcceptance();
  } else if (acceptance_) {
    accept();
  }
  checkpoint_ = {segment_, 0, line.number, hash};
}

void AuditVerifier::takeAcceptance(std::int64_t number, const AuditLine& line, const AuditHash& hash) {
  if (number > 1 && !acceptance_)
    return problem(number, "acceptance", &hash,
                   "is an acceptance, which stands only at the beginning of a file");
  if (!acceptance_)
    acceptance_ = Acceptance{auditUnescape(line.entry.actor) + " at " + base::formatTime(line.at), {}};
  if (std::string place = markedPlace(line.entry); !place.empty())
    acceptance_->marks.insert(std::move(place));
}

// Says what is wrong where it is: a line that was altered has its number still, but the next one has another
// hash of it.
void AuditVerifier::follow(const AuditLine& line, std::int64_t number, const AuditHash& hash) {
  const bool accepting =
      !line.checkpoint && line.entry.event == static_cast<std::uint16_t>(Event::AuditAccepted);
  if (number == 1 && accepting) return join(line.number - 1, line.prev);
  if (number == 1 && segment_ > 1 && !checkpointed_)
    problem(0, "no_end", &at_.hash, "does not end with a checkpoint", segmentName(segment_ - 1));
  if (!known_) return;
  // A line that somebody put among those of an acceptance must not be able to accept its own place.
  if (line.number != at_.number + 1 || line.prev != at_.hash) refuseAcceptance();
  if (line.number != at_.number + 1) {
    problem(number, "gap", &hash,
            "is entry " + std::to_string(line.number) + " behind entry " + std::to_string(at_.number) +
                ": lines were taken out, put in or moved");
  } else if (line.prev != at_.hash && number > 1) {
    problem(number - 1, "altered", &at_.hash, "was altered: the next line has another hash of it");
  } else if (line.prev != at_.hash) {
    problem(number, "gap", &hash, "does not follow from the last line of the file before");
  }
}

// An acceptance goes on from what the database knew, whatever the files were.
void AuditVerifier::join(std::int64_t number, const AuditHash& hash) {
  if (known_ && (at_.number != number || at_.hash != hash))
    problem(linesBefore_, "end", &at_.hash, "the last line is not the one that the database knew",
            segmentName(segment_ - 1));
}

}  // namespace kms
