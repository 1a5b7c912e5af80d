#include "hal/disk_medium.h"

#include <sys/file.h>

#include <cerrno>
#include <chrono>

#include "hal/base/file.h"
#include "hal/key_disk.h"
#include "hal/stop_wait.h"

namespace hal {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLockFor{1000};  // tried for this long
constexpr milliseconds kLockEach{20};   // between two tries

base::Result<void> lock(int fd, Access access, const std::string& name, base::Deadline by) {
  const int how = (access == Access::Write ? LOCK_EX : LOCK_SH) | LOCK_NB;
  const auto until = base::Deadline::in(kLockFor).sooner(by);
  while (::flock(fd, how) != 0) {
    // A file system without locks can still be read; a write must not be torn by another.
    if (errno != EWOULDBLOCK && errno != EINTR) {
      if (access == Access::Read) return {};
      return base::systemError("cannot lock " + name, errno);
    }
    if (until.expired()) return busyError(name);
    auto waited = waitReadable(-1, base::Deadline::in(kLockEach).sooner(until), {});
    if (!waited) return std::move(waited).error();
  }
  return {};
}

}  // namespace

base::Error readOnlyError(const std::string& name) {
  return {base::Code::Denied, name + " is write-protected; take the protection off or use another medium",
          base::Reason::MediumReadOnly};
}

base::Error busyError(const std::string& name) {
  return {base::Code::Unavailable,
          name + " is in use by another program; unmount it or end that program, then try again",
          base::Reason::MediumBusy};
}

base::Result<base::SecretBuffer> DiskMedium::readKeyFile(base::Deadline by) {
  return readKeyDisk(*device_, by);
}

base::Result<void> DiskMedium::mayWrite() const {
  if (info_.writeProtected) return readOnlyError(info_.id.uri());
  if (access_ != Access::Write)
    return base::Error{base::Code::Invalid, info_.id.uri() + " was opened for reading only"};
  return {};
}

base::Result<void> DiskMedium::writeKeyFile(base::BytesView text, Overwrite consent, base::Deadline by) {
  if (auto may = mayWrite(); !may) return may;
  return writeKeyDisk(*device_, text, consent, by);
}

base::Result<base::Bytes> DiskMedium::readEpoch(base::Deadline by) { return readEpochFile(*device_, by); }

base::Result<void> DiskMedium::writeEpoch(unsigned which, base::BytesView sector, base::Deadline by) {
  if (auto may = mayWrite(); !may) return may;
  return writeEpochSector(*device_, which, sector, by);
}

base::Result<std::unique_ptr<BlockDevice>> lockedBlockDevice(base::Fd fd, Access access,
                                                             const std::string& name, base::Deadline by) {
  auto locked = lock(fd.get(), access, name, by);
  if (!locked) return std::move(locked).error();
  return makeFileBlockDevice(std::move(fd), name);
}

}  // namespace hal
