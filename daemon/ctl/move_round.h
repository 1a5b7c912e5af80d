// MoveRound: takes users through one step of a move, a request at a time, and accounts for each as the bulk
// commands do: a line or an item of --json, a row of --report, and Exit::No where any was refused.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/ctl/bulk_report.h"
#include "daemon/ctl/interrupt.h"
#include "daemon/ctl/progress.h"
#include "daemon/ctl/remote.h"

namespace kmsd::ctl {

class MoveRound {
 public:
  // `done`: "sealed". `heading`: of the report. Errors: those of the report and of Remote::open.
  MoveRound(const Parsed& parsed, std::string done, std::string heading);
  base::Result<void> open(std::uint64_t total);

  Remote& remote() noexcept { return *remote_; }
  // False: it was interrupted, or the server is gone or sealed. The rest is not tried.
  bool goesOn() const noexcept { return !ended_ && !interrupt_.came(); }
  // The report, or this round, has it as done.
  bool doneBefore(const std::string& user);

  // Sends, with what a signal does meanwhile. Nothing where it was refused: accounted for under `id`.
  std::optional<Document> call(const std::string& id, const std::string& path, const Body& body);
  std::optional<Document> take(const std::string& id, const base::Result<Answer>& answer);
  void failed(const std::string& id, std::string_view code, std::string_view detail);
  // `line`: for people; `row`: of the report, behind "ok".
  void succeeded(const std::string& user, const std::string& line, const Body& item, const ReportRow& row);

  bool any() const noexcept { return done_ > 0; }
  // `kept`: whether what was got lies in its file now; if not, nobody counts as done.
  Exit end(const base::Result<void>& kept);

 private:
  const Parsed& parsed_;
  const std::string word_;
  const std::string heading_;
  const bool json_;
  Interrupt interrupt_;
  std::optional<BulkReport> report_;
  std::optional<Remote> remote_;
  std::optional<Progress> progress_;
  std::set<std::string> before_;
  std::string items_;
  Exit why_ = Exit::Yes;  // it ended early
  bool ended_ = false;
  std::uint64_t done_ = 0;
  std::uint64_t failed_ = 0;
  std::uint64_t skipped_ = 0;
};

}  // namespace kmsd::ctl
