// The whole audit log, read from its first line to where the database says that it ends. Holds no more than
// one piece of one file at a time.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "kms/audit/audit_writer.h"

namespace kms {

struct AuditProblem {
  std::string file;       // its name in the directory
  std::int64_t line = 0;  // from 1; 0: the whole file
  std::string mark;       // where, one word for what kind, and the hash of what stands there (kms/FORMATS.md)
  std::string what;
  std::string accepted;  // who went on all the same, and when; empty: nobody yet
};

struct AuditReport {
  // That are told and accepted one by one. Those behind them are accepted together or not at all.
  static constexpr std::size_t kProblemsMost = 1'000;

  std::int64_t segments = 0;
  std::int64_t lines = 0;
  std::int64_t checkpoints = 0;
  std::int64_t sealedLines = 0;     // written while the server was sealed
  bool checkpointsChecked = false;  // their MACs too; not while the server is sealed
  std::optional<base::Time> first;  // times of the first and the last line
  std::optional<base::Time> last;
  std::vector<AuditProblem> problems;
  std::int64_t problemCount = 0;
  std::int64_t acceptedCount = 0;  // of them

  bool broken() const noexcept { return problemCount > acceptedCount; }
  // Where and what the first problem is that nobody accepted, and how many more there are. REQUIRES:
  // broken().
  std::string firstWords() const;
};

class AuditVerifier {
 public:
  // Told of each entry in turn. An error ends the verification.
  using Sink = std::function<base::Result<void>(const AuditFacts&)>;

  // All of them outlive it. Once `stop` is true the reading ends with Unavailable.
  AuditVerifier(const AuditOptions& options, const AuditMac& mac, Sink sink,
                const std::atomic<bool>* stop = nullptr)
      : options_(options), mac_(mac), sink_(std::move(sink)), stop_(stop) {}

  // Reads on to `head`: the first time from the beginning, then from where it was. `note` is from the same
  // reading of the database as `head`. Problems are in the report and no error. Errors: the sink's; as
  // base::systemError where a file cannot be read.
  base::Result<void> readTo(const AuditHead& head, const std::optional<AuditNote>& note);
  // Reads all files before this one whole, as they are read once it is there and goes on from `head`.
  base::Result<void> readBefore(std::int64_t segment, const AuditHead& head);
  const AuditReport& report() const noexcept { return report_; }
  // What an acceptance has to name.
  std::vector<AuditProblem> unaccepted() const;

 private:
  // A file's first lines accept what was wrong before it, if a checkpoint stands behind them.
  struct Acceptance {
    std::string by;
    std::set<std::string> marks;
  };
  // The problems behind the first kProblemsMost.
  struct Further {
    std::int64_t count = 0;
    AuditHash hash{};  // over the marks of them all
  };

  base::Result<void> readFiles(std::int64_t before);
  base::Result<void> readNewest(const AuditHead& head);
  base::Result<void> readSegment(std::int64_t segment, std::int64_t to);
  base::Result<void> takeLine(std::int64_t number, std::string_view text);
  void takeCheckpoint(std::int64_t number, const AuditLine& line, const AuditHash& hash);
  void takeAcceptance(std::int64_t number, const AuditLine& line, const AuditHash& hash);
  void follow(const AuditLine& line, std::int64_t number, const AuditHash& hash);
  void join(std::int64_t number, const AuditHash& hash);
  // `kind`: one word of kms/FORMATS.md; `found`: the hash of what stands there.
  void problem(std::int64_t line, std::string_view kind, const AuditHash* found, std::string what,
               const std::string& file = {});
  void beginSegment(std::int64_t segment);
  void accept();
  void refuseAcceptance();
  AuditProblem furtherProblem() const;
  void compareNote(const std::optional<AuditNote>& note);
  std::filesystem::path path(std::int64_t segment) const { return options_.directory / segmentName(segment); }

  const AuditOptions& options_;
  const AuditMac& mac_;
  const Sink sink_;
  const std::atomic<bool>* const stop_;
  AuditReport report_;

  // Where the reading is.
  std::int64_t segment_ = 0;
  std::int64_t offset_ = 0;
  std::int64_t line_ = 0;                 // of the file
  std::int64_t linesBefore_ = 0;          // of the file before
  AuditHead at_;                          // number and hash of the last line
  AuditHead checkpoint_;                  // segment, number and hash of the last one
  bool noteTold_ = false;                 // what is wrong with the note
  bool endTold_ = false;                  // what is wrong with the newest file
  bool known_ = true;                     // what the next line must follow from
  bool checkpointed_ = true;              // the last line is a checkpoint
  std::optional<Acceptance> acceptance_;  // not yet proved
  Further further_;                       // nobody accepted them yet
};

// The mark of a file that is not there.
inline constexpr std::string_view kMissingMark = "line 0 missing";
// "FILE MARK": what an acceptance names, and how one that is named is known again.
std::string markedPlace(const AuditProblem& problem);
// The same of an entry of an acceptance; empty for the one that only tells who accepted.
std::string markedPlace(const AuditFacts& entry);
// The entry that names it.
std::string acceptedEntry(base::Time at, const std::string& by, const AuditProblem& problem);

}  // namespace kms
