#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "drivers/image/image_file.h"
#include "hal/base/file.h"
#include "hal/disk_medium.h"

namespace drivers::image {
namespace {

constexpr off_t kSize = 1'474'560;  // bytes of a 1.44 MB diskette

// A file beside the one to be made: a dot-file, so that no scan takes it for an image. Gone unless kept.
class Temporary {
 public:
  static base::Result<Temporary> create(const std::filesystem::path& beside) {
    Temporary made;
    made.path_ = (beside.parent_path() / ("." + beside.filename().string() + ".XXXXXX")).string();
    made.fd_.reset(::mkostemp(made.path_.data(), O_CLOEXEC));  // mode 0600
    if (made.fd_) return made;
    const int error = errno;
    made.path_.clear();
    if (error == EROFS) return hal::readOnlyError(beside.parent_path().string());
    base::Error failed = base::systemError("cannot make a file in " + beside.parent_path().string(), error);
    if (failed.code == base::Code::Denied) failed.reason = base::Reason::MediumNotPermitted;
    return failed;
  }
  Temporary(Temporary&& other) noexcept : fd_(std::move(other.fd_)), path_(std::exchange(other.path_, {})) {}
  Temporary& operator=(Temporary&&) = delete;
  ~Temporary() {
    if (!path_.empty()) ::unlink(path_.c_str());
  }

  int fd() const noexcept { return fd_.get(); }
  // Gives it its name; never that of a file which is there. Errors: Conflict; Io.
  base::Result<void> keepAs(const std::string& name) {
    int error =
        ::renameat2(AT_FDCWD, path_.c_str(), AT_FDCWD, name.c_str(), RENAME_NOREPLACE) == 0 ? 0 : errno;
    if (error == EINVAL || error == ENOSYS) {  // a file system that cannot: look, then rename
      error = ::faccessat(AT_FDCWD, name.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0 ? EEXIST : 0;
      if (error == 0 && ::rename(path_.c_str(), name.c_str()) != 0) error = errno;
    }
    if (error == EEXIST)
      return base::Error{base::Code::Conflict, name + " has come meanwhile; look at it first"};
    if (error != 0) return base::systemError("cannot name the new image " + name, error);
    path_.clear();
    return base::syncDirectory(std::filesystem::path(name).parent_path());
  }

 private:
  Temporary() = default;
  base::Fd fd_;
  std::string path_;
};

class NewImage final : public hal::Medium {
 public:
  explicit NewImage(const hal::MediumId& id) : info_{id, static_cast<std::uint64_t>(kSize), false} {}

  const Info& info() const noexcept override { return info_; }

  base::Result<base::SecretBuffer> readKeyFile(base::Deadline by) override {
    if (made_) return made_->readKeyFile(by);
    return base::Error{base::Code::NotFound, info_.id.uri() + " does not exist yet"};
  }

  base::Result<void> writeKeyFile(base::BytesView text, hal::Overwrite consent, base::Deadline by) override {
    if (made_) return made_->writeKeyFile(text, consent, by);
    auto temporary = Temporary::create(info_.id.slot);
    if (!temporary) return std::move(temporary).error();
    // All blocks now: a full file system shows before the key is anywhere.
    const int full = ::posix_fallocate(temporary->fd(), 0, kSize);
    if (full != 0) return base::systemError("cannot make " + info_.id.slot, full);
    base::Fd fd(::fcntl(temporary->fd(), F_DUPFD_CLOEXEC, 0));
    if (!fd) return base::systemError("cannot make " + info_.id.slot, errno);
    auto device = hal::lockedBlockDevice(std::move(fd), hal::Access::Write, info_.id.uri(), by);
    if (!device) return std::move(device).error();
    auto medium = std::make_unique<hal::DiskMedium>(info_, hal::Access::Write, std::move(*device));
    auto written = medium->writeKeyFile(text, consent, by);
    if (!written) return written;
    if (::fsync(temporary->fd()) != 0) return base::systemError("cannot write " + info_.id.slot, errno);
    auto kept = temporary->keepAs(info_.id.slot);
    if (kept) made_ = std::move(medium);
    return kept;
  }

 private:
  Info info_;
  std::unique_ptr<hal::Medium> made_;
};

}  // namespace

std::unique_ptr<hal::Medium> newImage(const hal::MediumId& id) { return std::make_unique<NewImage>(id); }

}  // namespace drivers::image
