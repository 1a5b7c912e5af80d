#include "daemon/backup_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "daemon/stop_flag.h"
#include "hal/base/file.h"

namespace kmsd {
namespace {

using base::BytesView;
using base::Result;

constexpr std::size_t kPiece = 256U * 1024U;  // bytes

}  // namespace

Result<BackupFile> BackupFile::open(std::filesystem::path path) {
  // Not to wait for the other end of a pipe.
  base::Fd fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!fd) return base::systemError(path.string(), errno);
  struct stat found {};
  if (::fstat(fd.get(), &found) != 0) return base::systemError(path.string(), errno);
  if (!S_ISREG(found.st_mode))
    return base::Error{base::Code::Invalid,
                       path.string() + " is no file; write the backup to one, and name it"};
  ::posix_fadvise(fd.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
  return BackupFile(std::move(path), std::move(fd));
}

// 0 at the end.
Result<std::size_t> BackupFile::readAt(std::uint64_t offset, std::span<std::byte> out) const {
  for (;;) {
    if (StopFlag::raised())
      return base::Error{base::Code::Unavailable, "interrupted", base::Reason::Interrupted};
    const ssize_t got = ::pread(fd_.get(), out.data(), out.size(), static_cast<off_t>(offset));
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EINTR) return base::systemError("cannot read " + path_.string(), errno);
  }
}

Result<void> BackupFile::read(kms::backup::Check::Sink sink) const {
  kms::backup::Check check(std::move(sink));
  base::Bytes buffer(kPiece);
  for (std::uint64_t offset = 0;;) {
    auto got = readAt(offset, buffer);
    if (!got) return std::move(got).error();
    if (*got == 0) return check.finish();
    if (auto fed = check.feed(BytesView(buffer).first(*got)); !fed) return fed;
    offset += *got;
  }
}

Result<kms::backup::Header> BackupFile::header() const {
  base::Bytes buffer(kms::backup::kHeaderMost);
  std::size_t size = 0;
  for (std::size_t got = 1; got > 0 && size < buffer.size(); size += got) {
    auto more = readAt(size, std::span(buffer).subspan(size));
    if (!more) return std::move(more).error();
    got = *more;
  }
  const BytesView bytes = BytesView(buffer).first(size);
  auto length = kms::backup::headerLength(bytes.first(std::min(size, kms::backup::kHeaderPrefix)));
  if (!length) return std::move(length).error();
  return kms::backup::parseHeader(bytes.first(std::min(size, *length)));
}

}  // namespace kmsd
