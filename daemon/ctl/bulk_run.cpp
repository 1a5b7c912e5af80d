#include "daemon/ctl/bulk_run.h"

#include <unistd.h>

#include <cinttypes>
#include <cstdio>

#include "daemon/terminal.h"
#include "hal/base/rfc3339.h"
#include "hal/base/rng.h"
#include "kms/tokens/policy.h"

namespace kmsd::ctl {
namespace {

using base::Code;
using base::Error;
using base::Result;

constexpr std::size_t kBatchBytes = 48 * 1024;      // of a request's items; the server takes 64 KiB in all
constexpr std::uint64_t kFailuresShown = 10;        // on stderr, where a report has them all
constexpr std::uint64_t kUnsavedMost = 256;         // rows of lines that never get into a batch
constexpr std::chrono::milliseconds kGather{50};    // for more input, before a small batch goes
constexpr std::chrono::milliseconds kQuiet{20000};  // well below the server's patience with a silent client

// Bytes of a text within JSON. REQUIRES: no control characters.
std::size_t jsonSize(std::string_view text) {
  std::size_t size = 3;
  for (const char c : text) size += c == '"' || c == '\\' ? 2 : 1;
  return size;
}

// A refusal of the request itself, before anything was done; not "later" and "not in time".
bool definite(int status) { return status >= 400 && status < 500 && status != 408 && status != 429; }

}  // namespace

BulkRun::BulkRun(const Parsed& parsed, BulkVerb verb)
    : parsed_(parsed), verb_(std::move(verb)), seen_(base::systemRng()) {}

Exit BulkRun::run() {
  if (auto opened = open(); !opened) return fail(opened.error());
  return conclude(all());
}

Result<void> BulkRun::open() {
  auto reader = LineReader::open(verb_.list, &interrupt_);
  if (!reader) return std::move(reader).error();
  reader_.emplace(*std::move(reader));
  if (parsed_.has("report")) {
    auto report = BulkReport::open(parsed_.text("report"), verb_.heading,
                                   [this](const ReportRow& row) { pastRow(row); });
    if (!report) return std::move(report).error();
    report_.emplace(*std::move(report));
  }
  auto remote = Remote::open(parsed_);
  if (!remote) return std::move(remote).error();
  remote_.emplace(*std::move(remote));
  auto output = BulkOutput::open(parsed_, earlier_);
  if (!output) return std::move(output).error();
  output_.emplace(*std::move(output));
  if (output_->lacksEarlier())
    fail(Exit::No, "warning: " + parsed_.text("output") + " is empty, so what the report tells as " +
                       verb_.done + " before is not in this file");
  const bool terminal = ::isatty(STDERR_FILENO) == 1 && !(output_->json() && outputIsTerminal());
  progress_.emplace(terminal, terminal ? countItems(verb_.list) : std::nullopt);
  return {};
}

void BulkRun::pastRow(const ReportRow& row) {
  if (earlier_ == Earlier::None) earlier_ = Earlier::Begun;
  const std::string id(row[1]);
  if (row[0] == "sent") {
    unanswered_[id] = row.size() > 2 ? row[2] : "";
  } else {
    unanswered_.erase(id);
  }
  if (row[0] != "ok") return;
  earlier_ = Earlier::Done;
  seen_.insert(id);
}

Exit BulkRun::all() {
  if (!unanswered_.empty() && verb_.settle) {
    const Exit settled = verb_.settle(*remote_, *report_, unanswered_, interrupt_);
    if (settled != Exit::Yes) return settled;
  }
  for (;;) {
    if (const Exit waited = waitForInput(); waited != Exit::Yes) return waited;
    auto line = reader_->next();
    if (!line) return broken(line.error());
    if (!*line) break;
    if (const Exit fed = feed(**line); fed != Exit::Yes) return fed;
  }
  // What was gathered when the interrupt came is left for the next run.
  if (interrupt_.came()) return Exit::Interrupted;
  return send();
}

// A list that comes slowly goes in small batches, and the connection is kept alive meanwhile.
Exit BulkRun::waitForInput() {
  if (reader_->ready(batch_.empty() ? kQuiet : kGather)) return Exit::Yes;
  if (!batch_.empty()) return send();
  while (!reader_->ready(kQuiet) && !interrupt_.came()) {
    const auto answer = remote_->call("GET", "/v1/health");
    if (!answer) return broken(answer.error());
  }
  return Exit::Yes;
}

Exit BulkRun::feed(const Line& line) {
  Item item{line.number, {}, line.text};
  auto id = line.tooLong ? Result<std::string>(Error{Code::Invalid, "the line is too long"})
                         : verb_.idOf(base::view(line.text));
  if (!id) {
    // The line itself is shown nowhere: it may be a token, from a list of another kind.
    failed(item, nameOf(id.error()), id.error().what);
    return ++unsaved_ < kUnsavedMost ? Exit::Yes : saveAll();
  }
  item.id = *std::move(id);
  if (!seen_.insert(item.id)) {
    ++skipped_;
    progress_->at(done_ + failed_ + skipped_);
    return Exit::Yes;
  }
  const std::size_t size = jsonSize(base::view(item.text));
  if (batch_.size() == kms::Policy{}.bulkBatch || batchBytes_ + size > kBatchBytes)
    if (const Exit sent = send(); sent != Exit::Yes) return sent;
  batchBytes_ += size;
  batch_.push_back(std::move(item));
  return Exit::Yes;
}

// Puts on disk what is about to be asked for: whoever has a row "sent" and no other may have a token that
// nobody holds.
Result<void> BulkRun::announce() {
  if (!report_ || !verb_.issues) return {};
  const std::string now = base::formatTime(base::systemClock().now());
  for (const Item& item : batch_) report_->add({"sent", item.id, now});
  return report_->save();
}

Exit BulkRun::send() {
  if (batch_.empty()) return saveAll();
  if (interrupt_.came()) return Exit::Interrupted;
  if (auto written = output_->flush(); !written) return broken(written.error());
  if (auto announced = announce(); !announced) return broken(announced.error());
  std::vector<base::SecretText> texts;
  texts.reserve(batch_.size());
  for (Item& item : batch_) texts.push_back(std::move(item.text));
  Body body;
  body.secrets(verb_.member, texts);
  verb_.fill(body);
  unsure_ = true;
  const auto answer = [&] {
    const Interrupt::Waiting waiting;
    return remote_->call("POST", verb_.path, &body);
  }();
  if (!answer) {
    const Exit exit = broken(answer.error());
    return interrupt_.came() ? Exit::Interrupted : exit;
  }
  if (!answer->good()) {
    progress_->hide();
    refused_ = definite(answer->status);
    unsure_ = !refused_;
    output_->problem(answer->document.json());
    return refused(*answer);
  }
  if (const Exit taken = take(*answer); taken != Exit::Yes) return taken;
  unsure_ = false;
  batch_.clear();
  batchBytes_ = 0;
  progress_->at(done_ + failed_ + skipped_);
  return Exit::Yes;
}

Exit BulkRun::take(const Answer& answer) {
  const std::vector<Document> items = answer.document.items();
  if (items.size() != batch_.size())
    return broken(Error{Code::Corrupt, "the server's answer does not fit what it was asked for"});
  for (std::size_t i = 0; i < items.size(); ++i) {
    const std::string code = items[i].text("code");
    if (code.empty()) {
      succeeded(batch_[i], items[i]);
    } else {
      failed(batch_[i], code, items[i].text("detail"));
    }
  }
  return saveAll();
}

void BulkRun::succeeded(const Item& item, const Document& answer) {
  ++done_;
  const std::string expires = answer.text("expires_at");
  const std::string count = verb_.count.empty() ? "" : answer.text(verb_.count);
  if (output_->json()) {
    output_->item(answer.json());
  } else if (verb_.issues) {
    output_->field(item.id, false);
    output_->field(base::view(answer.secret("token")), false);
    output_->field(expires, true);
  } else {
    output_->field(item.id, false);
    output_->field(verb_.done, verb_.count.empty());
    if (!verb_.count.empty()) output_->field(count, true);
  }
  if (!report_) return;
  if (verb_.count.empty()) {
    report_->add({"ok", item.id, answer.text("accessor"), expires});
  } else {
    report_->add({"ok", item.id, count});
  }
}

// An item without an id is a line that is none.
void BulkRun::failed(const Item& item, std::string_view code, std::string_view detail) {
  ++failed_;
  const std::string line = "line " + std::to_string(item.line);
  if (output_->json()) {
    Body body;
    if (item.id.empty()) {
      body.number("line", static_cast<std::int64_t>(item.line));
    } else {
      body.text(verb_.called, item.id);
    }
    body.text("code", code).text("detail", detail);
    output_->item(body.json());
  }
  if (report_) report_->add({"failed", item.id.empty() ? std::string_view(line) : item.id, code, detail});
  if (report_ && failed_ > kFailuresShown) return;
  progress_->hide();
  fail(Exit::No,
       line + ": " + (item.id.empty() ? "" : item.id + ": ") + std::string(detail.empty() ? code : detail));
}

// First what was asked for, then the record that it is there.
Exit BulkRun::saveAll() {
  unsaved_ = 0;
  if (!parsed_.has("output") && outputIsTerminal()) progress_->hide();
  if (auto written = output_->flush(); !written) return broken(written.error());
  if (!report_) return Exit::Yes;
  if (auto saved = report_->save(); !saved) return broken(saved.error());
  return Exit::Yes;
}

Exit BulkRun::broken(const Error& error) {
  progress_->hide();
  return fail(error);
}

Exit BulkRun::conclude(Exit exit) {
  progress_->hide();
  if (auto finished = output_->finish(); !finished) {
    if (exit == Exit::Yes) exit = fail(finished.error());
    // Whoever has no line in the output stays asked for, so that the next run revokes and issues again.
    if (report_) report_->drop();
  }
  if (report_)
    if (auto saved = report_->save(); !saved && exit == Exit::Yes) exit = fail(saved.error());
  if (refused_ && done_ + failed_ == 0) return exit;
  const double seconds = static_cast<double>(progress_->took().count()) / 1000;
  char took[32];
  std::snprintf(took, sizeof took, "%.1f s", seconds);
  std::string summary =
      std::to_string(done_) + " " + verb_.done + ", " + std::to_string(failed_) + " failed, ";
  if (skipped_ > 0) summary += std::to_string(skipped_) + " skipped (done before, or listed twice), ";
  std::fprintf(stderr, "%s%s\n", summary.c_str(), took);
  if (exit == Exit::Yes) return failed_ > 0 ? Exit::No : Exit::Yes;
  if (refused_ && done_ == 0) return exit;
  std::string next;
  if (exit == Exit::Interrupted) next = "interrupted; ";
  if (report_) {
    next += "run the same command again to go on from here";
  } else if (!verb_.issues) {
    next += "run the same command again: revoking twice does no harm";
  } else {
    next += "with --report FILE the same command could be run again to go on";
    if (unsure_)
      next += "; tokens may have been issued and lost from " + batch_.front().id + " to " + batch_.back().id;
  }
  return fail(exit, next);
}

}  // namespace kmsd::ctl
