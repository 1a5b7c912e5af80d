#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <iostream>
#include <optional>

#include "daemon/backup_said.h"
#include "daemon/ctl/backup_directory.h"
#include "daemon/ctl/interrupt.h"
#include "daemon/ctl/progress.h"
#include "daemon/ctl/remote.h"
#include "daemon/ctl/verbs.h"
#include "daemon/new_file.h"
#include "hal/base/file.h"
#include "hal/base/rfc3339.h"
#include "kms/backup/check.h"

namespace kmsd::ctl {
namespace {

namespace fs = std::filesystem;
using base::Code;
using base::Error;
using base::Result;

constexpr std::uint64_t kMega = 1'000'000;

Result<void> writeOut(base::BytesView bytes) {
  while (!bytes.empty()) {
    const ssize_t done = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return base::systemError("cannot write to standard output", errno);
    bytes = bytes.subspan(static_cast<std::size_t>(done));
  }
  return {};
}

// Where the backup goes, checked on its way. Nothing is there before it is whole, but on standard output.
class Taker {
 public:
  // `keep`: of a directory; 0: a file. "-": standard output.
  Taker(fs::path target, std::size_t keep, bool show, const Interrupt& interrupt)
      : target_(std::move(target)), keep_(keep), show_(show), interrupt_(interrupt) {}

  Result<void> take(std::uint64_t total, base::BytesView piece) {
    if (!progress_) {
      progress_.emplace(show_ && total >= kMega, total / kMega, " MB");
      total_ = total;
    }
    if (interrupt_.came()) return Error{Code::Unavailable, "interrupted", base::Reason::Interrupted};
    if (auto sound = check_.feed(piece); !sound) return sound;
    progress_->at(check_.taken() / kMega);
    if (target_ == "-") return writeOut(piece);
    if (!file_) {
      early_.insert(early_.end(), piece.begin(), piece.end());  // until the header tells the name
      if (!check_.header()) return {};
      return begin();
    }
    return file_->write(piece);
  }

  // Errors: Corrupt where what came is not whole.
  Result<void> finish() {
    if (progress_) progress_->hide();
    if (auto whole = check_.finish(); !whole) return whole;
    if (target_ == "-") return {};
    if (auto named = file_->commit(); !named) return named;
    if (keep_ == 0) return {};
    auto dropped = dropOldBackups(path_, check_.header()->server, keep_);
    if (!dropped)
      return Error{dropped.error().code,
                   "the backup is in " + path_.string() + ", but " + dropped.error().what};
    dropped_ = *dropped;
    return {};
  }

  const kms::backup::Header& header() const { return *check_.header(); }
  const fs::path& path() const noexcept { return path_; }
  std::size_t dropped() const noexcept { return dropped_; }

 private:
  Result<void> begin() {
    path_ = keep_ == 0 ? target_ : target_ / backupName(check_.header()->server, check_.header()->made);
    auto made = NewFile::create(path_, total_);
    if (!made) return std::move(made).error();
    file_.emplace(*std::move(made));
    auto written = file_->write(early_);
    early_ = {};
    return written;
  }

  const fs::path target_;
  const std::size_t keep_;
  const bool show_;
  const Interrupt& interrupt_;
  kms::backup::Check check_{{}};
  std::optional<Progress> progress_;
  std::uint64_t total_ = 0;
  base::Bytes early_;
  fs::path path_;
  std::optional<NewFile> file_;
  std::size_t dropped_ = 0;
};

// Before the server is asked for anything.
Result<std::size_t> keepOf(const Parsed& parsed, const fs::path& target) {
  std::error_code ignored;
  const bool directory = fs::is_directory(target, ignored);
  if (!directory && !target.has_filename())
    return Error{Code::Invalid, "'" + target.string() + "' names no file"};
  if (!parsed.has("keep")) {
    if (!directory) return std::size_t{0};
    return Error{Code::Invalid, target.string() + " is a directory; name a file in it, or give --keep N"};
  }
  const std::string& text = parsed.text("keep");
  std::size_t keep = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), keep);
  if (failed != std::errc() || end != text.data() + text.size() || keep == 0 || keep > 100'000)
    return Error{Code::Invalid, "--keep takes a number from 1 to 100000"};
  if (!directory)
    return Error{Code::Invalid, "with --keep a directory is named, and " + target.string() + " is none"};
  return keep;
}

// Before the server copies anything, which may take long: where it is to go, and that nothing is there.
Result<void> checkTarget(const fs::path& target, std::size_t keep) {
  if (target == "-") return {};
  std::error_code ignored;
  if (keep == 0 && fs::exists(fs::symlink_status(target, ignored)))
    return Error{Code::Conflict, target.string() + " is there already; name another file"};
  const fs::path directory = keep != 0 ? target : target.has_parent_path() ? target.parent_path() : ".";
  if (::access(directory.c_str(), W_OK | X_OK) != 0)
    return base::systemError("cannot write in " + directory.string(), errno);
  return {};
}

Exit gaveUp(const Error& error, const fs::path& target) {
  if (error.reason != base::Reason::Interrupted) return fail(error);
  return fail(Exit::Interrupted, target == "-" ? "interrupted; what was written is no whole backup"
                                               : "interrupted; nothing was written");
}

Exit report(const Parsed& parsed, const Taker& taker, const fs::path& target) {
  if (parsed.has("json") && target != "-") {
    Body body;
    body.text("file", taker.path().string());
    body.text("server", taker.header().server.text());
    body.text("made", base::formatTime(taker.header().made));
    body.number("bytes", static_cast<std::int64_t>(taker.header().bytes));
    body.number("dropped", static_cast<std::int64_t>(taker.dropped()));
    std::cout << base::view(body.json()) << "\n";
    return Exit::Yes;
  }
  std::ostream& out = target == "-" ? std::cerr : std::cout;
  out << describeBackup(taker.header());
  if (target != "-") out << "It is in " << taker.path().string() << ".\n";
  if (taker.dropped() > 0)
    out << "Deleted " << taker.dropped() << " older than the newest " << parsed.text("keep") << ".\n";
  return Exit::Yes;
}

Exit runBackup(const Parsed& parsed) {
  const fs::path target = parsed.arguments().front();
  if (target == "-" && parsed.has("json")) return fail(Exit::Usage, "--json and the backup both want stdout");
  const auto keep = keepOf(parsed, target);
  if (!keep) return fail(keep.error());
  if (auto fit = checkTarget(target, *keep); !fit) return fail(fit.error());
  auto remote = Remote::open(parsed);
  if (!remote) return fail(remote.error());
  remote->waitLong();  // the database is copied before the first byte comes
  const Interrupt interrupt;
  remote->endOn(interrupt.fd());
  const bool show = ::isatty(STDERR_FILENO) == 1 && !parsed.has("json");
  if (show) std::cerr << "The server copies its database ..." << std::flush;
  Taker taker(target, *keep, show, interrupt);
  http::Request request;
  request.method = "POST";
  request.path = "/v1/backup";
  const auto answer = remote->fetch(std::move(request), [&taker](std::uint64_t total, base::BytesView piece) {
    return taker.take(total, piece);
  });
  if (show) std::cerr << "\r\x1b[K" << std::flush;
  if (!answer) return gaveUp(answer.error(), target);
  if (answer->status != 200) {
    auto document = Document::parse(base::view(answer->body));
    if (!document) return fail(document.error());
    return refused(parsed, Answer{answer->status, *std::move(document)});
  }
  if (auto done = taker.finish(); !done) return fail(done.error());
  return report(parsed, taker, target);
}

constexpr std::array kArguments = {
    ArgumentSpec{"FILE", "the backup to make; - writes it to stdout; with --keep a directory"}};
constexpr std::array kOptions = {
    OptionSpec{"keep", "N",
               "make kms-SERVER-TIME.kdb in the directory FILE, and keep the newest N of this server there"},
};
constexpr std::array kVerbs = {
    VerbSpec{"backup", "backs up the server while it works", kArguments, kOptions,
             "kmsctl backup /mnt/safe/kms.kdb            # signed; useless without a key medium\n"
             "kmsctl backup --keep 14 /var/backups/kms   # as kmsd-backup.timer does\n"
             "kmsctl backup - | tee kms.kdb | sha256sum  # kmsd backup check tells whether it is whole",
             runBackup},
};

}  // namespace

std::span<const VerbSpec> backupVerbs() noexcept { return kVerbs; }

}  // namespace kmsd::ctl
