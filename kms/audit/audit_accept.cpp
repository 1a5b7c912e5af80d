// Problems and their acceptance: what was named when an administrator went on with a broken log, and nothing
// else, counts as accepted.
#include <algorithm>

#include "kms/audit/audit.h"
#include "kms/audit/audit_verify.h"
#include "kms/keys/open_keys.h"

namespace kms {
namespace {

using base::Code;
using base::Error;
using base::Reason;
using base::Result;

constexpr std::size_t kHashShown = 16;  // bytes of a hash in a mark
constexpr std::string_view kBehindMark = "; ";

std::string hexOf(const AuditHash& hash, std::size_t size) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out;
  for (std::size_t i = 0; i < size; ++i) {
    out += kHex[std::to_integer<unsigned>(hash[i]) >> 4U];
    out += kHex[std::to_integer<unsigned>(hash[i]) & 15U];
  }
  return out;
}

Error sealedMeanwhile() {
  return {Code::Unavailable, "the server was sealed meanwhile", Reason::SealedByCommand};
}

}  // namespace

std::string markedPlace(const AuditProblem& problem) { return problem.file + " " + problem.mark; }

std::string markedPlace(const AuditFacts& entry) {
  const auto end = entry.detail.find(kBehindMark);
  if (!entry.detail.starts_with("line ") || end == std::string_view::npos) return {};
  return auditUnescape(entry.object) + " " + auditUnescape(entry.detail.substr(0, end));
}

std::string acceptedEntry(base::Time at, const std::string& by, const AuditProblem& problem) {
  return auditText(
      at, {Event::AuditAccepted, by, problem.file, problem.mark + std::string(kBehindMark) + problem.what});
}

std::string AuditReport::firstWords() const {
  const std::int64_t count = problemCount - acceptedCount;
  const auto found = std::find_if(problems.begin(), problems.end(),
                                  [](const AuditProblem& p) { return p.accepted.empty(); });
  if (found == problems.end()) return std::to_string(count) + " places are wrong";
  std::string out = found->file;
  out += found->line > 0 ? ", line " + std::to_string(found->line) + ": " : " ";
  out += found->what;
  if (count > 1) out += " (and " + std::to_string(count - 1) + " more: 'kmsctl audit verify' tells them)";
  return out;
}

void AuditVerifier::problem(std::int64_t line, std::string_view kind, const AuditHash* found,
                            std::string what, const std::string& file) {
  AuditProblem one{file.empty() ? segmentName(segment_) : file,
                   line,
                   "line " + std::to_string(line) + " " + std::string(kind),
                   std::move(what),
                   {}};
  if (found != nullptr) one.mark += " " + hexOf(*found, kHashShown);
  ++report_.problemCount;
  // A missing file is looked for by its name at each unsealing.
  if (report_.problems.size() < AuditReport::kProblemsMost || one.mark == kMissingMark) {
    report_.problems.push_back(std::move(one));
    return;
  }
  ++further_.count;
  further_.hash = auditHash(hexOf(further_.hash, further_.hash.size()) + markedPlace(one));
}

AuditProblem AuditVerifier::furtherProblem() const {
  const std::string count = std::to_string(further_.count);
  return {"further",
          0,
          "line 0 further_" + count + " " + hexOf(further_.hash, kHashShown),
          count + " more places behind those that are told one by one",
          {}};
}

std::vector<AuditProblem> AuditVerifier::unaccepted() const {
  std::vector<AuditProblem> out;
  for (const AuditProblem& one : report_.problems)
    if (one.accepted.empty()) out.push_back(one);
  if (further_.count > 0) out.push_back(furtherProblem());
  return out;
}

void AuditVerifier::accept() {
  for (AuditProblem& one : report_.problems) {
    if (!one.accepted.empty() || !acceptance_->marks.contains(markedPlace(one))) continue;
    one.accepted = acceptance_->by;
    ++report_.acceptedCount;
  }
  if (further_.count > 0 && acceptance_->marks.contains(markedPlace(furtherProblem()))) {
    report_.acceptedCount += further_.count;
    report_.problems.push_back(furtherProblem());
    report_.problems.back().accepted = acceptance_->by;
    further_ = {};
  }
  acceptance_.reset();
}

// This file begins with an acceptance, and no checkpoint stands behind it.
void AuditVerifier::refuseAcceptance() {
  if (!acceptance_) return;
  acceptance_.reset();
  problem(1, "acceptance", nullptr, "the acceptance has no sound checkpoint behind it");
}

Result<std::optional<std::set<std::string>>> acceptedStart(const std::filesystem::path& file,
                                                           std::int64_t length, const AuditMac& mac,
                                                           const AuditOptions& options) {
  using Marks = std::set<std::string>;
  auto reader = SegmentReader::open(file, 0, length);
  if (!reader) return std::move(reader).error();
  Marks marks;
  AuditHead at;
  for (bool first = true;; first = false) {
    auto text = reader->next();
    if (!text && text.error().code != Code::Corrupt) return std::move(text).error();
    if (!text || !*text) return std::optional<Marks>();
    const auto line = parseAuditLine(**text);
    if (!line || (!first && (line->number != at.number + 1 || line->prev != at.hash)))
      return std::optional<Marks>();
    if (line->checkpoint) {
      const bool proved = !first && soundCheckpoint(mac, options, *line);
      return proved ? std::optional<Marks>(std::move(marks)) : std::optional<Marks>();
    }
    if (line->entry.event != static_cast<std::uint16_t>(Event::AuditAccepted)) return std::optional<Marks>();
    if (std::string place = markedPlace(line->entry); !place.empty()) marks.insert(std::move(place));
    at.number = line->number;
    at.hash = auditHash(**text);
  }
}

Result<void> AuditWriter::verifyWhole(const std::atomic<bool>& stop) {
  AuditVerifier verifier(options_, mac_, {}, &stop);
  auto read = verifier.readTo(head_, note_);
  const bool keys = read && verifier.report().checkpointsChecked;
  trusted_ = keys && !verifier.report().broken();
  if (!read) return auditUnwritable(read.error().what);
  if (!keys) return sealedMeanwhile();
  if (!trusted_) return auditBroken(verifier.report().firstWords());
  return {};
}

Result<void> AuditWriter::accept(const std::string& by, const std::string& wrong,
                                 const std::atomic<bool>& stop) {
  ready_ = false;
  file_.reset();
  auto read = store_.read([&](StoreReader& reader) -> Result<void> {
    auto head = reader.auditHead();
    if (!head) return std::move(head).error();
    head_ = *head;
    return {};
  });
  if (!read) return read;
  auto segments = listSegments(options_.directory);
  if (!segments) return auditUnwritable(segments.error().what);
  if (head_.number < 0 || head_.segment < 0) head_ = AuditHead{};
  const std::int64_t highest = segments->empty() ? 0 : segments->back();
  Batch batch = begin(std::max(highest, head_.segment) + 1);
  AuditVerifier verifier(options_, mac_, {}, &stop);
  if (auto found = verifier.readBefore(batch.head.segment, head_); !found)
    return auditUnwritable(found.error().what);
  if (!verifier.report().checkpointsChecked) return sealedMeanwhile();
  const base::Time at = clock_.now();
  appendLine(batch, auditText(at, {Event::AuditAccepted, by, segmentName(head_.segment), wrong}), false);
  for (const AuditProblem& one : verifier.unaccepted()) appendLine(batch, acceptedEntry(at, by, one), false);
  addCheckpoint(batch);
  if (!batch.checkpointed) return sealedMeanwhile();
  trusted_ = true;
  auto done = commit(batch);
  trusted_ = bool(done);
  return done;
}

}  // namespace kms
