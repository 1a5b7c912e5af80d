#include "daemon/pin_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "daemon/credentials.h"
#include "hal/base/fd.h"
#include "hal/base/file.h"

namespace kmsd {
namespace {

using base::Code;
using base::Error;
using base::Result;
using base::SecretBuffer;

Result<SecretBuffer> readLine(int file, const std::string& name) {
  auto pin = SecretBuffer::create(kMaxPin + 2);  // with CR LF
  if (!pin) return pin;
  std::size_t size = 0;
  while (size < pin->size()) {
    const ssize_t got = ::read(file, pin->bytes().data() + size, pin->size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return base::systemError(name, errno);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  pin->shrink(size);
  while (!pin->empty() && (pin->text().back() == '\n' || pin->text().back() == '\r'))
    pin->shrink(pin->size() - 1);
  if (pin->empty() || pin->size() > kMaxPin || pin->text().find('\n') != std::string_view::npos)
    return Error{Code::Invalid, name + " must hold one line of 1 to 64 bytes"};
  return pin;
}

}  // namespace

Result<PinFile> readPinFile(const std::filesystem::path& path) {
  if (path == "-") {
    auto pin = readLine(STDIN_FILENO, "standard input");
    if (!pin) return std::move(pin).error();
    return PinFile{*std::move(pin), "-"};
  }
  const std::string name = "the PIN file " + path.string();
  const base::Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat what {};
  if (!file || ::fstat(file.get(), &what) != 0) return base::systemError(name, errno);
  if (!S_ISREG(what.st_mode)) return Error{Code::Invalid, name + " is no file"};
  std::string source = path.string();
  if (!isCredential(path)) {
    if ((what.st_mode & 077U) != 0)
      return Error{Code::Denied, name + " is open to others; chmod 600 " + path.string()};
    source += " " + std::to_string(what.st_mtim.tv_sec) + "." + std::to_string(what.st_mtim.tv_nsec) + " " +
              std::to_string(what.st_ino);
  }
  auto pin = readLine(file.get(), name);
  if (!pin) return std::move(pin).error();
  return PinFile{*std::move(pin), std::move(source)};
}

}  // namespace kmsd
