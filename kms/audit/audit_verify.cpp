#include "kms/audit/audit_verify.h"

#include <algorithm>
#include <utility>

#include "hal/base/rfc3339.h"
#include "kms/audit/audit.h"

namespace kms {

using base::Code;
using base::Result;

void AuditVerifier::problem(std::int64_t line, std::string what, const std::string& file) {
  ++report_.problemCount;
  if (report_.problems.size() >= AuditReport::kProblemsMost) return;
  report_.problems.push_back({file.empty() ? segmentName(segment_) : file, line, std::move(what), {}});
}

Result<void> AuditVerifier::readTo(const AuditHead& head, const std::optional<AuditNote>& note) {
  if (report_.lines == 0) report_.checkpointsChecked = mac_({}).has_value();
  if (auto read = readLines(head); !read) return read;
  refuseAcceptance();
  compareNote(note);
  return {};
}

void AuditVerifier::compareNote(const std::optional<AuditNote>& note) {
  const auto wanted = noteOf(mac_, options_.server, checkpoint_);
  report_.checkpointsChecked = report_.checkpointsChecked && wanted.has_value();
  const std::string wrong = wrongNote(note, checkpoint_, wanted);
  if (!wrong.empty() && !std::exchange(noteTold_, true)) problem(0, wrong, "kms.db");
}

Result<void> AuditVerifier::readLines(const AuditHead& head) {
  if (head.segment > 0 && segment_ == 0) beginSegment(1);
  auto segments = listSegments(options_.directory);
  if (!segments) return std::move(segments).error();
  while (segment_ < head.segment) {
    auto size = segmentSize(path(segment_));
    if (!size && size.error().code == Code::NotFound) {
      problem(0, "is missing");
      known_ = false;
    } else if (!size) {
      return std::move(size).error();
    } else if (auto read = readSegment(segment_, *size); !read) {
      return read;
    }
    beginSegment(segment_ + 1);
  }
  if (head.segment == 0) return {};
  auto size = segmentSize(path(segment_));
  if (!size && size.error().code != Code::NotFound) return std::move(size).error();
  if (!size) {
    problem(0, "is missing");
    return {};
  }
  if (*size < head.length) problem(0, "is shorter than the database knows it");
  if (auto read = readSegment(segment_, std::min(*size, head.length)); !read) return read;
  if (known_ && (at_.number != head.number || at_.hash != head.hash))
    problem(line_, "the last line is not the one that the database knows");
  for (const std::int64_t other : *segments)
    if (other > head.segment + 1) problem(0, "is not known to the database", segmentName(other));
  return {};
}

void AuditVerifier::beginSegment(std::int64_t segment) {
  refuseAcceptance();
  segment_ = segment;
  offset_ = 0;
  line_ = 0;
}

Result<void> AuditVerifier::readSegment(std::int64_t segment, std::int64_t to) {
  auto reader = SegmentReader::open(path(segment), offset_, to);
  if (!reader && reader.error().code == Code::Corrupt) {
    problem(0, reader.error().what);
    known_ = false;
    return {};
  }
  if (!reader) return std::move(reader).error();
  if (offset_ == 0) ++report_.segments;
  for (;;) {
    auto text = reader->next();
    if (!text && text.error().code == Code::Corrupt) {
      problem(line_ + 1, text.error().what + "; the rest of the file cannot be read");
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
  if (!line || !line->checkpoint) refuseAcceptance();
  if (!line) {
    problem(number, line.error().what);
    known_ = false;
    checkpointed_ = false;
    return {};
  }
  follow(*line, number);
  if (!report_.first) report_.first = line->at;
  report_.last = line->at;
  if (line->sealed) ++report_.sealedLines;
  if (line->checkpoint) {
    ++report_.checkpoints;
    const bool keys = mac_({}).has_value();
    report_.checkpointsChecked = report_.checkpointsChecked && keys;
    const bool sound = !keys || soundCheckpoint(mac_, options_.server, *line);
    if (!sound) problem(number, "the checkpoint is not one of this server's key");
    if (sound && !acceptance_.empty()) accept(number);
    checkpoint_ = {segment_, 0, line->number, auditHash(text)};
  } else if (line->entry.event == static_cast<std::uint16_t>(Event::AuditAccepted)) {
    if (number != 1) problem(number, "is an acceptance, which stands only at the beginning of a file");
    if (number == 1) acceptance_ = auditUnescape(line->entry.actor) + " at " + base::formatTime(line->at);
  }
  checkpointed_ = line->checkpoint.has_value();
  at_.number = line->number;
  at_.hash = auditHash(text);
  known_ = true;
  if (!line->checkpoint && sink_) return sink_(line->entry);
  return {};
}

// Says what is wrong where it is: a line that was altered has its number still, but the next one has another
// hash of it.
void AuditVerifier::follow(const AuditLine& line, std::int64_t number) {
  if (number == 1 && segment_ > 1 && !checkpointed_ &&
      !(line.entry.event == static_cast<std::uint16_t>(Event::AuditAccepted)))
    problem(0, "does not end with a checkpoint", segmentName(segment_ - 1));
  if (!known_) return;
  if (line.number != at_.number + 1) {
    problem(number, "is entry " + std::to_string(line.number) + " behind entry " +
                        std::to_string(at_.number) + ": lines were taken out, put in or moved");
  } else if (line.prev != at_.hash && number > 1) {
    problem(number - 1, "was altered: the next line has another hash of it");
  } else if (line.prev != at_.hash) {
    problem(number, "does not follow from the last line of the file before");
  }
}

// The first line of this file accepts what was wrong before it, if the next one is a checkpoint.
void AuditVerifier::accept(std::int64_t checkpointLine) {
  if (checkpointLine == 2) {
    for (; unaccepted_ < report_.problems.size(); ++unaccepted_)
      report_.problems[unaccepted_].accepted = acceptance_;
  }
  acceptance_.clear();
}

// The first line of this file says that it accepts, and no checkpoint stands behind it.
void AuditVerifier::refuseAcceptance() {
  if (!std::exchange(acceptance_, {}).empty()) problem(1, "the acceptance has no sound checkpoint behind it");
}

}  // namespace kms
