#include "daemon/ctl/move_round.h"

#include <unistd.h>

#include <iostream>

#include "daemon/terminal.h"

namespace kmsd::ctl {
namespace {

using base::Result;

constexpr std::uint64_t kFailuresShown = 10;  // on stderr, where a report has them all

// What the next user would be refused for as well.
bool concernsAll(const Answer& answer) {
  return answer.status == 401 || answer.status >= 500 || answer.code().empty();
}

}  // namespace

MoveRound::MoveRound(const Parsed& parsed, std::string done, std::string heading)
    : parsed_(parsed), word_(std::move(done)), heading_(std::move(heading)), json_(parsed.has("json")) {}

Result<void> MoveRound::open(std::uint64_t total) {
  if (parsed_.has("report")) {
    auto report = BulkReport::open(parsed_.text("report"), heading_, [this](const ReportRow& row) {
      if (row[0] == "ok")
        before_.emplace(row[1]);
      else
        before_.erase(std::string(row[1]));
    });
    if (!report) return std::move(report).error();
    report_.emplace(*std::move(report));
  }
  auto remote = Remote::open(parsed_);
  if (!remote) return std::move(remote).error();
  remote_.emplace(*std::move(remote));
  const bool drawn = ::isatty(STDERR_FILENO) == 1 && !outputIsTerminal();
  progress_.emplace(drawn, total);
  return {};
}

bool MoveRound::doneBefore(const std::string& user) {
  if (!before_.contains(user)) return false;
  ++skipped_;
  return true;
}

std::optional<Document> MoveRound::call(const std::string& id, const std::string& path, const Body& body) {
  const Interrupt::Waiting waiting;
  return take(id, remote_->call("POST", path, &body));
}

std::optional<Document> MoveRound::take(const std::string& id, const Result<Answer>& answer) {
  if (answer && answer->good()) return answer->document;
  if (answer && !concernsAll(*answer)) {
    failed(id, answer->code(), answer->document.text("detail"));
    return {};
  }
  progress_->hide();
  ended_ = true;
  why_ = answer ? refused(*answer) : fail(answer.error());
  return {};
}

void MoveRound::failed(const std::string& id, std::string_view code, std::string_view detail) {
  ++failed_;
  if (json_) {
    Body item;
    item.text("user", id).text("code", code).text("detail", detail);
    items_.append(items_.empty() ? "" : ",").append(base::view(item.json()));
  }
  if (report_) report_->add({"failed", id, code, detail});
  if (report_ && failed_ > kFailuresShown) return;
  progress_->hide();
  fail(Exit::No, id + ": " + std::string(detail.empty() ? code : detail));
}

void MoveRound::succeeded(const std::string& user, const std::string& line, const Body& item,
                          const ReportRow& row) {
  ++done_;
  before_.insert(user);
  if (json_)
    items_.append(items_.empty() ? "" : ",").append(base::view(item.json()));
  else
    std::cout << line << std::endl;  // a list is long, and somebody may watch it
  ReportRow all = {"ok"};
  all.insert(all.end(), row.begin(), row.end());
  if (report_) report_->add(all);
  progress_->at(done_ + failed_);
}

Exit MoveRound::end(const Result<void>& kept) {
  progress_->hide();
  if (!kept) {
    why_ = fail(kept.error());
    if (report_) report_->drop();
  }
  if (report_)
    if (auto saved = report_->save(); !saved && why_ == Exit::Yes) why_ = fail(saved.error());
  if (json_)
    std::cout << R"({"items":[)" << items_ << R"(],"next":null})"
              << "\n";
  std::cout.flush();
  if (done_ + failed_ + skipped_ > 1 || skipped_ > 0) {
    std::cerr << done_ << " " << word_ << ", " << failed_ << " failed";
    if (skipped_ > 0) std::cerr << ", " << skipped_ << " skipped (done before, or named twice)";
    std::cerr << "\n";
  }
  if (interrupt_.came())
    return fail(Exit::Interrupted,
                kept ? "interrupted; what was done is told above; the rest was not tried" : "interrupted");
  if (why_ != Exit::Yes) return why_;
  return failed_ > 0 ? Exit::No : Exit::Yes;
}

}  // namespace kmsd::ctl
