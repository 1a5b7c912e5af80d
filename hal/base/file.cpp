#include "hal/base/file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "hal/base/fd.h"

namespace base {
namespace {

constexpr std::size_t kFirstRead = 4096;  // bytes of what has no size

// A file that a command names is not what its question was about: its absence is no "not found".
Error cannotOpen(const std::filesystem::path& path, int error) {
  Error why = systemError("cannot open " + path.string(), error);
  if (why.code == Code::NotFound) why.reason = Reason::FileMissing;
  return why;
}

// Reads until the end or until `out` is full; the count, or errno negated.
ssize_t readAll(int fd, std::span<std::byte> out) {
  std::size_t total = 0;
  while (total < out.size()) {
    const ssize_t got = ::read(fd, out.data() + total, out.size() - total);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return -errno;
    if (got == 0) break;
    total += static_cast<std::size_t>(got);
  }
  return static_cast<ssize_t>(total);
}

Result<void> writeAll(int fd, BytesView in, const std::string& name) {
  while (!in.empty()) {
    const ssize_t put = ::write(fd, in.data(), in.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return systemError("cannot write " + name, errno);
    in = in.subspan(static_cast<std::size_t>(put));
  }
  return {};
}

}  // namespace

Error systemError(const std::string& what, int error) {
  Code code = Code::Io;
  if (error == ENOENT || error == ENOTDIR || error == ENXIO || error == ENODEV || error == ENOMEDIUM)
    code = Code::NotFound;
  if (error == EACCES || error == EPERM || error == EROFS) code = Code::Denied;
  if (error == EBUSY || error == EMFILE || error == ENFILE || error == EAGAIN) code = Code::Unavailable;
  return Error{code, what + ": " + std::strerror(error)};
}

Result<std::string> readSmallFile(const std::filesystem::path& path, std::size_t most) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!fd) return cannotOpen(path, errno);
  struct stat is {};
  const bool sized = ::fstat(fd.get(), &is) == 0 && S_ISREG(is.st_mode) && is.st_size > 0;
  std::string text;
  // By the file's size, not by the bound, which may be far more than there is memory.
  for (std::size_t next = sized ? static_cast<std::size_t>(is.st_size) + 1 : kFirstRead;; next = 2 * next) {
    const std::size_t had = text.size();
    text.resize(std::min(next, most + 1));
    const ssize_t got = readAll(fd.get(), std::as_writable_bytes(std::span(text)).subspan(had));
    if (got < 0) return systemError("cannot read " + path.string(), static_cast<int>(-got));
    const std::size_t size = had + static_cast<std::size_t>(got);
    if (size > most)
      return Error{Code::Invalid, path.string() + " is larger than " + std::to_string(most) + " bytes"};
    if (size < text.size()) {
      text.resize(size);
      return text;
    }
  }
}

Result<SecretBuffer> readSecretFile(const std::filesystem::path& path, std::size_t most) {
  const bool standardInput = path == "-";
  const Fd own(standardInput ? -1 : ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!standardInput && !own) return cannotOpen(path, errno);
  auto secret = SecretBuffer::create(most + 2);  // a final line end does not count
  if (!secret) return secret;
  const ssize_t got = readAll(standardInput ? STDIN_FILENO : own.get(), secret->bytes());
  if (got < 0) return systemError("cannot read " + path.string(), static_cast<int>(-got));
  auto size = static_cast<std::size_t>(got);
  if (size > 0 && secret->text()[size - 1] == '\n') --size;
  if (size > 0 && secret->text()[size - 1] == '\r') --size;
  if (size > most)
    return Error{Code::Invalid, path.string() + " is larger than " + std::to_string(most) + " bytes"};
  secret->shrink(size);
  return secret;
}

Result<void> writeFileDurably(const std::filesystem::path& path, BytesView content, mode_t mode) {
  const std::string temporary = path.string() + ".new";
  const Fd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode));
  if (!fd) return systemError("cannot create " + temporary, errno);
  auto written = writeAll(fd.get(), content, temporary);
  // Whatever the umask is: others are to read what is published.
  if (written && ::fchmod(fd.get(), mode) != 0)
    written = systemError("cannot set the mode of " + temporary, errno);
  if (written && ::fsync(fd.get()) != 0) written = systemError("cannot sync " + temporary, errno);
  if (written && ::rename(temporary.c_str(), path.c_str()) != 0) {
    written = systemError("cannot rename to " + path.string(), errno);
  }
  if (!written) {
    ::unlink(temporary.c_str());
    return written;
  }
  return syncDirectory(path.parent_path());
}

Result<void> syncDirectory(const std::filesystem::path& path) {
  const std::string name = path.empty() ? "." : path.string();
  const Fd fd(::open(name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return systemError("cannot open " + name, errno);
  if (::fsync(fd.get()) != 0) return systemError("cannot sync " + name, errno);
  return {};
}

}  // namespace base
