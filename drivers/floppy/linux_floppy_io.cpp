#include <fcntl.h>
#include <linux/fd.h>
#include <linux/major.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cerrno>

#include "drivers/floppy/floppy_io.h"
#include "hal/disk_medium.h"

namespace drivers::floppy {
namespace {

class LinuxDrive final : public OpenDrive {
 public:
  explicit LinuxDrive(base::Fd fd) noexcept : fd_(std::move(fd)) {}

  std::optional<DriveState> state() override {
    floppy_drive_struct drive{};
    if (::ioctl(fd_.get(), FDPOLLDRVSTAT, &drive) != 0) return std::nullopt;
    DriveState state;
    state.generation = static_cast<std::uint64_t>(drive.generation);
    state.changed = (drive.flags & FD_DISK_CHANGED) != 0;
    state.writable = (drive.flags & FD_DISK_WRITABLE) != 0;
    return state;
  }

  base::Result<std::unique_ptr<hal::BlockDevice>> device(hal::Access access, const std::string& name,
                                                         base::Deadline by) override {
    return hal::lockedBlockDevice(std::move(fd_), access, name, by);
  }

 private:
  base::Fd fd_;
};

class LinuxFloppyIo final : public FloppyIo {
 public:
  Node node(const std::string& path) override {
    struct stat at {};
    Node node;
    if (::stat(path.c_str(), &at) != 0) {
      node.error = errno;
    } else if (S_ISBLK(at.st_mode)) {
      node.kind = major(at.st_rdev) == FLOPPY_MAJOR ? NodeKind::Floppy : NodeKind::Block;
      node.device = at.st_rdev;
    }
    return node;
  }

  Opened open(const std::string& path, hal::Access access, bool exclusive) override {
    const int flags =
        (access == hal::Access::Write ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOCTTY | (exclusive ? O_EXCL : 0);
    base::Fd fd(::open(path.c_str(), flags));
    if (!fd) return {errno, nullptr};
    struct stat at {};
    if (::fstat(fd.get(), &at) != 0 || !S_ISBLK(at.st_mode)) return {ENOTBLK, nullptr};
    return {0, std::make_unique<LinuxDrive>(std::move(fd))};
  }

  base::Result<hal::BlockFacts> facts(dev_t device) override { return hal::blockFacts(device); }
};

}  // namespace

std::unique_ptr<FloppyIo> makeLinuxFloppyIo() { return std::make_unique<LinuxFloppyIo>(); }

}  // namespace drivers::floppy
