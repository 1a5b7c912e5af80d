#include "kms/audit/audit_files.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>

#include "hal/base/file.h"
#include "kms/audit/audit_line.h"

namespace kms {
namespace {

namespace fs = std::filesystem;
using base::Code;
using base::Error;

constexpr std::size_t kPiece = 256U * 1024U;  // bytes read at once
constexpr std::string_view kSuffix = ".jsonl";
static_assert(kPiece > kAuditLineMost + 1, "a piece holds a whole line");

Error corrupt(const std::string& name, const std::string& what) { return {Code::Corrupt, name + " " + what}; }

// Fewer bytes than wanted only at the end of the file.
base::Result<std::size_t> readAt(int fd, const std::string& name, char* to, std::size_t size,
                                 std::int64_t at) {
  std::size_t done = 0;
  while (done < size) {
    const ssize_t got = ::pread(fd, to + done, size - done, at + static_cast<off_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return base::systemError(name, errno);
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

base::Result<base::Fd> openToRead(const fs::path& file) {
  // Not blocking: a FIFO in the file's place must not hold anybody up.
  base::Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd) return base::systemError(file.string(), errno);
  struct stat found {};
  if (::fstat(fd.get(), &found) != 0) return base::systemError(file.string(), errno);
  if (!S_ISREG(found.st_mode)) return corrupt(file.string(), "is not a file");
  return fd;
}

}  // namespace

std::string segmentName(std::int64_t segment) {
  std::string digits = std::to_string(segment);
  if (digits.size() < 6) digits.insert(0, 6 - digits.size(), '0');
  return digits + std::string(kSuffix);
}

base::Result<std::vector<std::int64_t>> listSegments(const fs::path& directory) {
  std::vector<std::int64_t> found;
  std::error_code failed;
  fs::directory_iterator at(directory, failed);
  if (failed == std::errc::no_such_file_or_directory) return found;
  for (; !failed && at != fs::directory_iterator(); at.increment(failed)) {
    const std::string name = at->path().filename().string();
    std::int64_t number = 0;
    std::from_chars(name.data(), name.data() + name.size(), number);
    if (number > 0 && name == segmentName(number)) found.push_back(number);
  }
  if (failed) return base::systemError(directory.string(), failed.value());
  std::sort(found.begin(), found.end());
  return found;
}

base::Result<std::int64_t> segmentSize(const fs::path& file) {
  struct stat found {};
  if (::lstat(file.c_str(), &found) != 0) return base::systemError(file.string(), errno);
  if (!S_ISREG(found.st_mode)) return corrupt(file.string(), "is not a file");
  return static_cast<std::int64_t>(found.st_size);
}

SegmentReader::SegmentReader(std::string name, base::Fd fd, std::int64_t from, std::int64_t to)
    : name_(std::move(name)), fd_(std::move(fd)), at_(from), lineAt_(from), end_(to) {}

base::Result<SegmentReader> SegmentReader::open(const fs::path& file, std::int64_t from, std::int64_t to) {
  auto fd = openToRead(file);
  if (!fd) return std::move(fd).error();
  return SegmentReader(file.filename().string(), *std::move(fd), from, to);
}

base::Result<void> SegmentReader::fill() {
  buffer_.erase(0, used_);
  used_ = 0;
  const std::size_t kept = buffer_.size();
  const auto left = static_cast<std::size_t>(std::max<std::int64_t>(end_ - at_, 0));
  const std::size_t want = std::min(left, kPiece);
  if (want <= kept) return {};
  buffer_.resize(want);
  auto got =
      readAt(fd_.get(), name_, buffer_.data() + kept, want - kept, at_ + static_cast<std::int64_t>(kept));
  buffer_.resize(kept + (got ? *got : 0));
  if (!got) return std::move(got).error();
  return {};
}

base::Result<std::optional<std::string_view>> SegmentReader::next() {
  if (at_ >= end_) return std::optional<std::string_view>();
  auto lf = buffer_.find('\n', used_);
  if (lf == std::string::npos) {
    if (auto filled = fill(); !filled) return std::move(filled).error();
    lf = buffer_.find('\n', used_);
  }
  const std::size_t size = std::min(lf, buffer_.size()) - used_;
  if (size > kAuditLineMost) return corrupt(name_, "has a line that is too long");
  if (lf == std::string::npos) return corrupt(name_, "ends within a line");
  const std::string_view line(buffer_.data() + used_, size);
  lineAt_ = at_;
  at_ += static_cast<std::int64_t>(size) + 1;
  used_ = lf + 1;
  return std::optional<std::string_view>(line);
}

base::Result<std::string> lastLine(const fs::path& file, std::int64_t length) {
  auto fd = openToRead(file);
  if (!fd) return std::move(fd).error();
  const auto size = std::min<std::int64_t>(length, static_cast<std::int64_t>(kAuditLineMost) + 2);
  std::string tail(static_cast<std::size_t>(size), '\0');
  auto got = readAt(fd->get(), file.string(), tail.data(), tail.size(), length - size);
  if (!got) return std::move(got).error();
  const std::string name = file.filename().string();
  if (*got != tail.size() || tail.back() != '\n') return corrupt(name, "ends within a line");
  tail.pop_back();
  const auto lf = tail.rfind('\n');
  if (lf == std::string::npos && length > size) return corrupt(name, "has a line that is too long");
  return lf == std::string::npos ? tail : tail.substr(lf + 1);
}

base::Result<std::int64_t> lineNumberAt(const fs::path& file, std::int64_t offset) {
  auto fd = openToRead(file);
  if (!fd) return std::move(fd).error();
  std::string piece(kPiece, '\0');
  std::int64_t number = 1;
  for (std::int64_t at = 0; at < offset;) {
    const auto want = static_cast<std::size_t>(std::min<std::int64_t>(offset - at, kPiece));
    auto got = readAt(fd->get(), file.string(), piece.data(), want, at);
    if (!got) return std::move(got).error();
    if (*got == 0) break;
    number += std::count(piece.data(), piece.data() + *got, '\n');
    at += static_cast<std::int64_t>(*got);
  }
  return number;
}

base::Result<SegmentFile> SegmentFile::create(const fs::path& file) {
  base::Fd fd(::open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return base::systemError("cannot create " + file.string(), errno);
  if (::fchmod(fd.get(), 0600) != 0)
    return base::systemError("cannot set the mode of " + file.string(), errno);
  if (auto synced = base::syncDirectory(file.parent_path()); !synced) return std::move(synced).error();
  return SegmentFile(file.string(), std::move(fd));
}

base::Result<SegmentFile> SegmentFile::open(const fs::path& file, std::int64_t length) {
  base::Fd fd(::open(file.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd) return base::systemError("cannot write " + file.string(), errno);
  struct stat found {};
  if (::fstat(fd.get(), &found) != 0) return base::systemError(file.string(), errno);
  if (!S_ISREG(found.st_mode)) return corrupt(file.string(), "is not a file");
  if (found.st_size > length && (::ftruncate(fd.get(), length) != 0 || ::fdatasync(fd.get()) != 0))
    return base::systemError("cannot cut off " + file.string(), errno);
  return SegmentFile(file.string(), std::move(fd));
}

base::Result<bool> SegmentFile::inPlace(std::int64_t length) const {
  struct stat ours {};
  struct stat named {};
  if (::fstat(fd_.get(), &ours) != 0) return base::systemError(name_, errno);
  if (::lstat(name_.c_str(), &named) != 0) {
    if (errno == ENOENT || errno == ENOTDIR)
      return Error{Code::NotFound, name_ + " was deleted or moved away while the server ran"};
    return base::systemError(name_, errno);
  }
  if (named.st_dev != ours.st_dev || named.st_ino != ours.st_ino)
    return corrupt(name_, "was replaced by another file while the server ran");
  return ours.st_size == length;
}

base::Result<void> SegmentFile::write(std::int64_t at, std::string_view bytes) {
  struct stat found {};
  if (::fstat(fd_.get(), &found) != 0) return base::systemError(name_, errno);
  if (found.st_nlink == 0 || found.st_size != at) return corrupt(name_, "was changed by somebody else");
  while (!bytes.empty()) {
    const ssize_t wrote = ::pwrite(fd_.get(), bytes.data(), bytes.size(), at);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return base::systemError("cannot write " + name_, errno);
    at += wrote;
    bytes.remove_prefix(static_cast<std::size_t>(wrote));
  }
  if (::fdatasync(fd_.get()) != 0) return base::systemError("cannot sync " + name_, errno);
  return {};
}

}  // namespace kms
