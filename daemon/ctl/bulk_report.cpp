#include "daemon/ctl/bulk_report.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>

#include "daemon/cli.h"
#include "hal/base/file.h"

namespace kmsd::ctl {
namespace {

using base::Code;
using base::Error;
using base::Result;

constexpr std::size_t kChunk = 64 * 1024;  // bytes
constexpr std::string_view kFirst = "# kmsctl report: ";

// Calls `line` with each whole line; gives the length of all of them.
Result<off_t> readLines(int fd, const std::string& path, const std::function<void(std::string_view)>& line) {
  std::string buffer;
  off_t whole = 0;
  for (;;) {
    const std::size_t had = buffer.size();
    buffer.resize(had + kChunk);
    const ssize_t got = ::read(fd, buffer.data() + had, kChunk);
    if (got < 0 && errno != EINTR) return base::systemError("cannot read " + path, errno);
    buffer.resize(had + (got > 0 ? static_cast<std::size_t>(got) : 0));
    if (got == 0) return whole;
    std::size_t begin = 0;
    for (std::size_t end = buffer.find('\n'); end != buffer.npos; end = buffer.find('\n', begin)) {
      line(std::string_view(buffer).substr(begin, end - begin));
      begin = end + 1;
    }
    buffer.erase(0, begin);
    whole += static_cast<off_t>(begin);
  }
}

ReportRow fieldsOf(std::string_view line) {
  ReportRow row;
  for (;;) {
    const std::size_t tab = line.find('\t');
    row.push_back(line.substr(0, tab));
    if (tab == line.npos) return row;
    line.remove_prefix(tab + 1);
  }
}

bool knownRow(const ReportRow& row) {
  return row.size() >= 2 && (row[0] == "sent" || row[0] == "ok" || row[0] == "failed" || row[0] == "lost");
}

}  // namespace

Result<LinesFile> openLines(const std::string& path, const std::function<void(std::string_view)>& line) {
  base::Fd fd(::open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW, 0600));
  // No file to write to is a failure of the command, not an answer such as "not found".
  if (!fd) return Error{Code::Io, base::systemError("cannot open or make " + path, errno).what};
  struct stat about {};
  if (::fstat(fd.get(), &about) != 0) return base::systemError("cannot read " + path, errno);
  if (!S_ISREG(about.st_mode)) return Error{Code::Invalid, path + " is no regular file"};
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0)
    return Error{Code::Conflict, path + " is being written by another kmsctl", base::Reason::LockHeld};
  const auto whole = readLines(fd.get(), path, line);
  if (!whole) return whole.error();
  return LinesFile{std::move(fd), *whole};
}

Result<void> cutTail(const LinesFile& file, const std::string& path) {
  // Whoever made the file beforehand may have left it readable to others.
  if (::fchmod(file.fd.get(), 0600) != 0 || ::ftruncate(file.fd.get(), file.whole) != 0)
    return base::systemError("cannot write " + path, errno);
  return base::syncDirectory(std::filesystem::path(path).parent_path());
}

Result<void> appendTo(int fd, std::string_view text, bool sync, const std::string& name) {
  while (!text.empty()) {
    const ssize_t put = ::write(fd, text.data(), text.size());
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return base::systemError("cannot write " + name, errno);
    text.remove_prefix(static_cast<std::size_t>(put));
  }
  if (sync && ::fdatasync(fd) != 0) return base::systemError("cannot sync " + name, errno);
  return {};
}

Result<BulkReport> BulkReport::open(const std::string& path, std::string_view heading,
                                    const std::function<void(const ReportRow&)>& seen) {
  const std::string first = std::string(kFirst) + std::string(heading);
  std::uint64_t lines = 0;
  std::string fault;
  auto file = openLines(path, [&](std::string_view line) {
    const bool head = lines++ == 0;
    if (!fault.empty()) return;
    if (head && line != first) {
      fault = line.starts_with(kFirst) ? "is the report of another command (" +
                                             std::string(line.substr(kFirst.size())) + "); name another file"
                                       : "is no report of kmsctl; name another file";
    }
    if (head || !fault.empty()) return;
    const ReportRow row = fieldsOf(line);
    if (knownRow(row)) return seen(row);
    fault = "is damaged in line " + std::to_string(lines) +
            "; take that line out where its user is known to have, or to want, a token";
  });
  if (!file) return std::move(file).error();
  if (!fault.empty()) return Error{Code::Conflict, path + " " + fault};
  if (auto cut = cutTail(*file, path); !cut) return std::move(cut).error();
  BulkReport report;
  report.fd_ = std::move(file->fd);
  report.path_ = path;
  if (lines == 0) {
    report.waiting_ = first + "\n";
    if (auto saved = report.save(); !saved) return std::move(saved).error();
  }
  return report;
}

void BulkReport::add(const ReportRow& row) {
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (i > 0) waiting_ += '\t';
    waiting_ += printable(row[i]);
  }
  waiting_ += '\n';
}

Result<void> BulkReport::save() {
  if (waiting_.empty()) return {};
  auto done = appendTo(fd_.get(), waiting_, true, path_);
  waiting_.clear();
  return done;
}

}  // namespace kmsd::ctl
