// The whole audit log, read from its first line to where the database says that it ends. Holds no more than
// one piece of one file at a time.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "kms/audit/audit_writer.h"

namespace kms {

struct AuditProblem {
  std::string file;       // its name in the directory
  std::int64_t line = 0;  // from 1; 0: the whole file
  std::string what;
  std::string accepted;  // who went on all the same, and when; empty: nobody yet
};

struct AuditReport {
  static constexpr std::size_t kProblemsMost = 100;  // that are told one by one

  std::int64_t segments = 0;
  std::int64_t lines = 0;
  std::int64_t checkpoints = 0;
  std::int64_t sealedLines = 0;     // written while the server was sealed
  bool checkpointsChecked = false;  // their MACs too; not while the server is sealed
  std::optional<base::Time> first;  // times of the first and the last line
  std::optional<base::Time> last;
  std::vector<AuditProblem> problems;
  std::int64_t problemCount = 0;
};

class AuditVerifier {
 public:
  // Told of each entry in turn. An error ends the verification.
  using Sink = std::function<base::Result<void>(const AuditFacts&)>;

  // All of them outlive it.
  AuditVerifier(const AuditOptions& options, const AuditMac& mac, Sink sink)
      : options_(options), mac_(mac), sink_(std::move(sink)) {}

  // Reads on to `head`: the first time from the beginning, then from where it was. `note` is from the same
  // reading of the database as `head`. Problems are in the report and no error. Errors: the sink's; as
  // base::systemError where a file cannot be read.
  base::Result<void> readTo(const AuditHead& head, const std::optional<AuditNote>& note);
  const AuditReport& report() const noexcept { return report_; }

 private:
  base::Result<void> readLines(const AuditHead& head);
  base::Result<void> readSegment(std::int64_t segment, std::int64_t to);
  base::Result<void> takeLine(std::int64_t number, std::string_view text);
  void follow(const AuditLine& line, std::int64_t number);
  void problem(std::int64_t line, std::string what, const std::string& file = {});
  void beginSegment(std::int64_t segment);
  void accept(std::int64_t checkpointLine);
  void refuseAcceptance();
  void compareNote(const std::optional<AuditNote>& note);
  std::filesystem::path path(std::int64_t segment) const { return options_.directory / segmentName(segment); }

  const AuditOptions& options_;
  const AuditMac& mac_;
  const Sink sink_;
  AuditReport report_;

  // Where the reading is.
  std::int64_t segment_ = 0;
  std::int64_t offset_ = 0;
  std::int64_t line_ = 0;       // of the file
  AuditHead at_;                // number and hash of the last line
  AuditHead checkpoint_;        // segment, number and hash of the last one
  bool noteTold_ = false;       // what is wrong with the note
  bool known_ = true;           // what the next line must follow from
  bool checkpointed_ = true;    // the last line is a checkpoint
  std::string acceptance_;      // the first line of this file says so; proved by the checkpoint behind it
  std::size_t unaccepted_ = 0;  // the first problem that nobody accepted
};

}  // namespace kms
