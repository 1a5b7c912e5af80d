#include "daemon/backup_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "daemon/stop_flag.h"
#include "hal/base/fd.h"
#include "hal/base/file.h"

namespace kmsd {
namespace {

using base::Result;

constexpr std::size_t kPiece = 256U * 1024U;  // bytes

Result<base::Fd> openFile(const std::filesystem::path& file) {
  base::Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return base::systemError(file.string(), errno);
  ::posix_fadvise(fd.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
  return fd;
}

// 0 at the end.
Result<std::size_t> readSome(const std::filesystem::path& file, int fd, std::span<std::byte> out) {
  for (;;) {
    if (StopFlag::raised())
      return base::Error{base::Code::Unavailable, "interrupted", base::Reason::Interrupted};
    const ssize_t got = ::read(fd, out.data(), out.size());
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EINTR) return base::systemError("cannot read " + file.string(), errno);
  }
}

}  // namespace

Result<void> readBackup(const std::filesystem::path& file, kms::backup::Check::Sink sink) {
  auto fd = openFile(file);
  if (!fd) return std::move(fd).error();
  kms::backup::Check check(std::move(sink));
  base::Bytes buffer(kPiece);
  for (;;) {
    auto got = readSome(file, fd->get(), buffer);
    if (!got) return std::move(got).error();
    if (*got == 0) return check.finish();
    if (auto fed = check.feed(base::BytesView(buffer).first(*got)); !fed) return fed;
  }
}

Result<kms::backup::Header> readBackupHeader(const std::filesystem::path& file) {
  auto fd = openFile(file);
  if (!fd) return std::move(fd).error();
  kms::backup::Check check({});
  base::Bytes buffer(4096);
  while (!check.header()) {
    auto got = readSome(file, fd->get(), buffer);
    if (!got) return std::move(got).error();
    auto fed = *got == 0 ? check.finish() : check.feed(base::BytesView(buffer).first(*got));
    if (!fed && !check.header()) return std::move(fed).error();
  }
  return *check.header();
}

}  // namespace kmsd
