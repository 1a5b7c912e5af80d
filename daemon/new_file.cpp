#include "daemon/new_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "hal/base/file.h"
#include "hal/base/rng.h"
#include "hal/base/uuid.h"

namespace kmsd {
namespace {

namespace fs = std::filesystem;
using base::Code;
using base::Error;
using base::Result;

constexpr std::uint64_t kSpare = 1024 * 1024;       // bytes, for the file system's own needs
constexpr std::uint64_t kLarge = 16 * 1024 * 1024;  // bytes from which on a file goes past the page cache
constexpr std::size_t kPiece = 1024 * 1024;         // bytes that go there at once
constexpr std::size_t kAlignment = 4096;            // of memory and place, wherever the disk wants less

fs::path directoryOf(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

Error there(const fs::path& path) {
  return {Code::Conflict, path.string() + " is there already; name another file"};
}

Error noSpace(const fs::path& where) {
  return {Code::Unavailable, "no space is left for " + where.string() + "; free some and try again",
          base::Reason::NoSpace};
}

}  // namespace

Result<void> checkSpace(const fs::path& directory, std::uint64_t size) {
  struct statvfs disk {};
  if (::statvfs(directory.c_str(), &disk) != 0) return base::systemError(directory.string(), errno);
  const std::uint64_t free = std::uint64_t{disk.f_bavail} * disk.f_frsize;
  if (free >= size + kSpare) return {};
  return Error{Code::Unavailable,
               "not enough space in " + directory.string() + ": " + std::to_string((size + kSpare) >> 10U) +
                   " KB are needed and " + std::to_string(free >> 10U) + " KB are free",
               base::Reason::NoSpace};
}

Result<NewFile> NewFile::create(const fs::path& path, std::uint64_t size) {
  if (!path.has_filename()) return Error{Code::Invalid, "'" + path.string() + "' names no file"};
  const fs::path directory = directoryOf(path);
  struct stat found {};
  if (::lstat(path.c_str(), &found) == 0) return there(path);
  if (errno != ENOENT) return base::systemError(path.string(), errno);
  if (auto fits = checkSpace(directory, size); !fits) return std::move(fits).error();
  base::Fd fd(::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (fd) return prepared(NewFile(path, {}, std::move(fd)), size);
  if (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT)
    return base::systemError("cannot write in " + directory.string(), errno);
  fs::path hidden = directory / ("." + path.filename().string() + "." +
                                 base::Uuid::generate(base::systemRng()).text() + ".part");
  fd.reset(::open(hidden.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) return base::systemError("cannot create " + hidden.string(), errno);
  return prepared(NewFile(path, std::move(hidden), std::move(fd)), size);
}

Result<NewFile> NewFile::prepared(NewFile file, std::uint64_t size) {
  if (size < kLarge) return file;
  // With its room taken at once it cannot run out in the middle. Some file systems cannot do that.
  if (::fallocate(file.fd_.get(), 0, 0, static_cast<off_t>(size)) == 0) {
    file.size_ = size;
  } else if (errno == ENOSPC || errno == EDQUOT) {
    return noSpace(file.path_);
  }
  if (::fcntl(file.fd_.get(), F_SETFL, O_DIRECT) != 0) return file;  // nor that
  for (auto* piece : {&file.piece_, &file.going_})
    piece->reset(static_cast<std::byte*>(std::aligned_alloc(kAlignment, kPiece)));
  if (!file.piece_ || !file.going_) {
    file.piece_.reset();
    file.useCache();
  }
  return file;
}

NewFile::~NewFile() {
  if (fd_ && !hidden_.empty()) ::unlink(hidden_.c_str());
}

void NewFile::useCache() noexcept { ::fcntl(fd_.get(), F_SETFL, 0); }

Result<void> NewFile::write(base::BytesView bytes) {
  if (!piece_) return put(bytes);
  while (!bytes.empty()) {
    const std::size_t more = std::min(bytes.size(), kPiece - gathered_);
    std::copy_n(bytes.begin(), more, piece_.get() + gathered_);
    gathered_ += more;
    bytes = bytes.subspan(more);
    if (gathered_ < kPiece) continue;
    if (auto settled = settle(); !settled) return settled;
    piece_.swap(going_);
    gathered_ = 0;
    // By a thread, where one is to be had; else by settle().
    writing_ = std::async(std::launch::async | std::launch::deferred, writeAll, fd_.get(),
                          base::BytesView(going_.get(), kPiece));
  }
  return {};
}

// Waits for the piece that is being written, where there is one.
Result<void> NewFile::settle() {
  return writing_.valid() ? goOn({going_.get(), kPiece}, writing_.get()) : Result<void>();
}

NewFile::Done NewFile::writeAll(int fd, base::BytesView bytes) noexcept {
  Done done;
  while (done.bytes < bytes.size()) {
    const ssize_t put = ::write(fd, bytes.data() + done.bytes, bytes.size() - done.bytes);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) {
      done.failed = errno;
      break;
    }
    done.bytes += static_cast<std::size_t>(put);
  }
  return done;
}

Result<void> NewFile::put(base::BytesView bytes) { return goOn(bytes, writeAll(fd_.get(), bytes)); }

// After the first try to write them.
Result<void> NewFile::goOn(base::BytesView bytes, Done done) {
  written_ += done.bytes;
  if (done.failed == 0) return {};
  if (done.failed == EINVAL && (::fcntl(fd_.get(), F_GETFL) & O_DIRECT) != 0) {
    useCache();  // this file system said that it could, and cannot
    return put(bytes.subspan(done.bytes));
  }
  if (done.failed == ENOSPC || done.failed == EDQUOT) return noSpace(path_);
  return base::systemError("cannot write " + path_.string(), done.failed);
}

Result<void> NewFile::sync() {
  if (piece_) {
    if (auto settled = settle(); !settled) return settled;
    useCache();  // the end is no whole piece
    if (auto done = put({piece_.get(), std::exchange(gathered_, 0)}); !done) return done;
    piece_.reset();
  }
  if (size_ > written_ && ::ftruncate(fd_.get(), static_cast<off_t>(written_)) != 0)
    return base::systemError("cannot shorten " + path_.string(), errno);
  size_ = 0;
  if (::fsync(fd_.get()) == 0) return {};
  if (errno == ENOSPC || errno == EDQUOT) return noSpace(path_);
  return base::systemError("cannot sync " + path_.string(), errno);
}

Result<void> NewFile::commit() {
  if (auto synced = sync(); !synced) return synced;
  const std::string mine = "/proc/self/fd/" + std::to_string(fd_.get());
  const int named = hidden_.empty()
                        ? ::linkat(AT_FDCWD, mine.c_str(), AT_FDCWD, path_.c_str(), AT_SYMLINK_FOLLOW)
                        : ::renameat2(AT_FDCWD, hidden_.c_str(), AT_FDCWD, path_.c_str(), RENAME_NOREPLACE);
  if (named != 0 && errno == EEXIST) return there(path_);
  if (named != 0 && (errno == ENOSPC || errno == EDQUOT)) return noSpace(path_);
  if (named != 0) return base::systemError("cannot name " + path_.string(), errno);
  hidden_.clear();
  return base::syncDirectory(directoryOf(path_));
}

}  // namespace kmsd
