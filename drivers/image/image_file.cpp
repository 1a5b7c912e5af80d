#include "drivers/image/image_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "hal/base/file.h"
#include "hal/disk_medium.h"

namespace drivers::image {
namespace {

// A file that was deleted or replaced stays readable through its descriptor; here that is a pulled disk.
class PullableFile final : public hal::BlockDevice {
 public:
  PullableFile(std::unique_ptr<hal::BlockDevice> inner, base::Fd watch, std::string name)
      : inner_(std::move(inner)), watch_(std::move(watch)), name_(std::move(name)) {}

  std::uint64_t size() const noexcept override { return inner_->size(); }
  base::Result<void> read(std::uint64_t offset, std::span<std::byte> out, base::Deadline by) override {
    auto done = inner_->read(offset, out, by);
    return done ? stillThere() : std::move(done);
  }
  base::Result<void> write(std::uint64_t offset, base::BytesView in, base::Deadline by) override {
    auto done = inner_->write(offset, in, by);
    return done ? stillThere() : std::move(done);
  }
  base::Result<void> flush() override {
    auto done = inner_->flush();
    return done ? stillThere() : std::move(done);
  }

 private:
  base::Result<void> stillThere() const {
    struct stat at {};
    if (::fstat(watch_.get(), &at) == 0 && at.st_nlink > 0) return {};
    return base::Error{base::Code::NotFound, name_ + " was deleted or replaced while it was in use"};
  }
  std::unique_ptr<hal::BlockDevice> inner_;
  base::Fd watch_;
  std::string name_;
};

base::Error openError(const std::string& name, int error, hal::Access access) {
  if (error == EROFS || error == EPERM || error == ETXTBSY) return hal::readOnlyError(name);
  if (error == EBUSY || error == EWOULDBLOCK) return hal::busyError(name);
  if (error == ELOOP) return {base::Code::NotFound, name + " is a symbolic link; only files count here"};
  if (error == EACCES) {
    const char* right = access == hal::Access::Write ? "write" : "read";
    return {base::Code::Denied,
            name + " may not be opened; give the user that runs this program the right to " + right + " it",
            base::Reason::MediumNotPermitted};
  }
  return base::systemError("cannot open " + name, error);
}

}  // namespace

base::Result<std::unique_ptr<hal::Medium>> openImage(const hal::MediumId& id, const Look& look,
                                                     bool inDirectory, hal::Access access,
                                                     base::Deadline by) {
  const std::string name = id.uri();
  int flags = (access == hal::Access::Write ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  if (inDirectory) flags |= O_NOFOLLOW;
  struct stat at {};
  // O_EXCL claims a block device for us, so that a mounted one is refused.
  const bool block = !inDirectory && ::stat(id.slot.c_str(), &at) == 0 && S_ISBLK(at.st_mode);
  if (block && access == hal::Access::Write) flags |= O_EXCL;
  base::Fd fd(::open(id.slot.c_str(), flags));
  if (!fd) return openError(name, errno, access);
  if (::fstat(fd.get(), &at) != 0) return base::systemError("cannot look at " + name, errno);
  if (block ? !S_ISBLK(at.st_mode) : !S_ISREG(at.st_mode) || stampOf(at) != look.stamp) {
    return base::Error{base::Code::Unavailable, name + " is being changed; try again when that is done",
                       base::Reason::MediumBusy};
  }
  ::fcntl(fd.get(), F_SETFL, 0);  // O_NONBLOCK was for opening only

  base::Fd watch(block ? -1 : ::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
  if (!block && !watch) return base::systemError("cannot open " + name, errno);
  auto device = hal::lockedBlockDevice(std::move(fd), access, name, by);
  if (!device) return std::move(device).error();
  hal::Medium::Info info{id, (*device)->size(), look.writeProtected};
  if (!block) *device = std::make_unique<PullableFile>(std::move(*device), std::move(watch), name);
  return std::unique_ptr<hal::Medium>(
      std::make_unique<hal::DiskMedium>(std::move(info), access, std::move(*device)));
}

}  // namespace drivers::image
