#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "hal/base/secret_buffer.h"
#include "hal/block_device.h"

namespace hal {
namespace {

using base::Code;
using base::Error;
using base::Result;

constexpr std::size_t kBounce = 64 * 1024;  // bytes moved by one system call at most
constexpr std::size_t kAlign = 4096;        // fits every logical block size in use

class FileBlockDevice final : public BlockDevice {
 public:
  FileBlockDevice(base::Fd fd, std::string name, std::uint64_t size, std::size_t block,
                  base::SecretBuffer bounce)
      : fd_(std::move(fd)),
        name_(std::move(name)),
        size_(size),
        block_(block),
        bounce_(std::move(bounce)),
        canDirect_(setDirect(true)) {}
  ~FileBlockDevice() override { forget(); }
  FileBlockDevice(const FileBlockDevice&) = delete;
  FileBlockDevice& operator=(const FileBlockDevice&) = delete;

  std::uint64_t size() const noexcept override { return size_; }
  Result<void> read(std::uint64_t offset, std::span<std::byte> out, base::Deadline by) override;
  Result<void> write(std::uint64_t offset, base::BytesView in, base::Deadline by) override;
  Result<void> flush() override;

 private:
  // A piece of the device that one bounce holds, and the part of it that was asked for.
  struct Window {
    std::uint64_t start;
    std::size_t length;
    std::size_t skip;  // from `start` to what was asked for
    std::size_t take;
  };
  Window windowAt(std::uint64_t offset, std::size_t wanted, std::size_t align) const;
  Result<void> checkRange(std::uint64_t offset, std::size_t length) const;
  Result<Window> load(std::uint64_t offset, std::size_t wanted);
  Error failure(const char* verb, std::uint64_t offset, int error) const;

  int fill(const Window& window);   // 0 or an errno
  int store(const Window& window);  // 0 or an errno
  template <class Transfer>
  int transfer(const Window& window, Transfer call);
  bool setDirect(bool on);
  void forget() const { ::posix_fadvise(fd_.get(), 0, 0, POSIX_FADV_DONTNEED); }

  base::Fd fd_;
  std::string name_;
  std::uint64_t size_;
  std::size_t block_;  // logical block size: the least that O_DIRECT moves
  base::SecretBuffer bounce_;
  bool direct_ = false;  // O_DIRECT is set now
  bool canDirect_;
};

constexpr int kEndedEarly = -1;  // the file became shorter than it was

FileBlockDevice::Window FileBlockDevice::windowAt(std::uint64_t offset, std::size_t wanted,
                                                  std::size_t align) const {
  const std::uint64_t start = offset - offset % align;
  const auto skip = static_cast<std::size_t>(offset - start);
  const std::size_t take = std::min(wanted, kBounce - skip);
  const std::size_t whole = (skip + take + align - 1) / align * align;
  const auto length = static_cast<std::size_t>(std::min<std::uint64_t>(whole, size_ - start));
  return {start, length, skip, take};
}

Result<void> FileBlockDevice::checkRange(std::uint64_t offset, std::size_t length) const {
  if (offset <= size_ && length <= size_ - offset) return {};
  return Error{Code::Corrupt,
               name_ + " ends before byte " + std::to_string(offset) + " + " + std::to_string(length)};
}

Error FileBlockDevice::failure(const char* verb, std::uint64_t offset, int error) const {
  const std::string where = name_ + " at byte " + std::to_string(offset);
  if (error == kEndedEarly) return {Code::Io, name_ + " became shorter while it was in use"};
  if (error == ENXIO || error == ENODEV || error == ENOMEDIUM)
    return {Code::NotFound, "the medium in " + name_ + " has gone; insert it again"};
  if (error == EROFS || error == EPERM || error == EACCES || error == EBADF)
    return {Code::Denied, name_ + " is write-protected; open its write tab or take another medium",
            base::Reason::MediumReadOnly};
  return {Code::Io, std::string("cannot ") + verb + " " + where + ": " + std::strerror(error)};
}

bool FileBlockDevice::setDirect(bool on) {
  if (direct_ == on) return true;
  const int flags = ::fcntl(fd_.get(), F_GETFL);
  if (flags < 0 || ::fcntl(fd_.get(), F_SETFL, on ? flags | O_DIRECT : flags & ~O_DIRECT) != 0) return false;
  direct_ = on;
  return true;
}

// Moves the whole window with `call(data, length, offset)`. The tail of a file that is no multiple of a block
// goes through the page cache, as everything does once the kernel has refused O_DIRECT.
template <class Transfer>
int FileBlockDevice::transfer(const Window& window, Transfer call) {
  for (std::size_t done = 0; done < window.length;) {
    const bool whole = (window.length - done) % block_ == 0 && done % block_ == 0;
    if (!setDirect(canDirect_ && whole) && direct_) return EINVAL;
    const ssize_t moved =
        call(bounce_.bytes().data() + done, window.length - done, static_cast<off_t>(window.start + done));
    if (moved > 0) {
      done += static_cast<std::size_t>(moved);
    } else if (moved == 0) {
      return kEndedEarly;
    } else if (errno == EINVAL && direct_) {
      canDirect_ = false;
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

int FileBlockDevice::fill(const Window& window) {
  return transfer(window, [this](std::byte* data, std::size_t length, off_t at) {
    return ::pread(fd_.get(), data, length, at);
  });
}

int FileBlockDevice::store(const Window& window) {
  return transfer(window, [this](const std::byte* data, std::size_t length, off_t at) {
    return ::pwrite(fd_.get(), data, length, at);
  });
}

// Fills the bounce with the window at `offset`. Where a wide one meets a bad block, only the blocks asked for
// are tried again: a neighbour's damage must not hide them.
Result<FileBlockDevice::Window> FileBlockDevice::load(std::uint64_t offset, std::size_t wanted) {
  Window window = windowAt(offset, wanted, kAlign);
  int error = fill(window);
  if (error == EIO && block_ < kAlign) {
    window = windowAt(offset, wanted, block_);
    error = fill(window);
  }
  if (error != 0) return failure("read", offset, error);
  return window;
}

Result<void> FileBlockDevice::read(std::uint64_t offset, std::span<std::byte> out, base::Deadline by) {
  auto done = checkRange(offset, out.size());
  while (done && !out.empty()) {
    if (by.expired()) {
      done = Error{Code::Timeout, name_ + " was too slow to read; try again or take another drive"};
      break;
    }
    auto window = load(offset, out.size());
    if (!window) {
      done = std::move(window).error();
      break;
    }
    std::memcpy(out.data(), bounce_.bytes().data() + window->skip, window->take);
    offset += window->take;
    out = out.subspan(window->take);
  }
  base::wipe(bounce_.bytes());
  forget();
  return done;
}

Result<void> FileBlockDevice::write(std::uint64_t offset, base::BytesView in, base::Deadline by) {
  auto done = checkRange(offset, in.size());
  while (done && !in.empty()) {
    if (by.expired()) {
      done = Error{Code::Timeout, name_ + " was too slow to write; try again or take another drive"};
      break;
    }
    Window window = windowAt(offset, in.size(), kAlign);
    if (window.take < window.length) {  // read, change, write
      auto loaded = load(offset, in.size());
      if (!loaded) {
        done = std::move(loaded).error();
        break;
      }
      window = *loaded;
    }
    std::memcpy(bounce_.bytes().data() + window.skip, in.data(), window.take);
    if (const int error = store(window); error != 0) {
      done = failure("write", offset, error);
      break;
    }
    offset += window.take;
    in = in.subspan(window.take);
  }
  base::wipe(bounce_.bytes());
  return done;
}

Result<void> FileBlockDevice::flush() {
  while (::fsync(fd_.get()) != 0) {
    // A character device or a mock has nothing to sync.
    if (errno == EINVAL || errno == ENOTSUP) break;
    if (errno != EINTR) return failure("flush", 0, errno);
  }
  forget();
  return {};
}

Result<std::uint64_t> sizeOf(int fd, const std::string& name) {
  struct stat status {};
  if (::fstat(fd, &status) != 0 || (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode)))
    return Error{Code::Io, name + " is neither a file nor a block device, so it has no size"};
  std::uint64_t size = 0;
  if (S_ISBLK(status.st_mode) && ::ioctl(fd, BLKGETSIZE64, &size) == 0) return size;
  const off_t end = ::lseek(fd, 0, SEEK_END);
  if (end < 0) return Error{Code::Io, "cannot tell the size of " + name + ": " + std::strerror(errno)};
  return static_cast<std::uint64_t>(end);
}

std::size_t blockOf(int fd) {
  int block = 0;
  const bool sane = ::ioctl(fd, BLKSSZGET, &block) == 0 &&
                    (block == 512 || block == 1024 || block == 2048 || block == static_cast<int>(kAlign));
  return sane ? static_cast<std::size_t>(block) : 512;
}

}  // namespace

Result<std::unique_ptr<BlockDevice>> makeFileBlockDevice(base::Fd fd, std::string name) {
  const auto size = sizeOf(fd.get(), name);
  if (!size) return size.error();
  auto bounce = base::SecretBuffer::create(kBounce);
  if (!bounce) return std::move(bounce).error();
  const std::size_t block = blockOf(fd.get());
  return std::unique_ptr<BlockDevice>(
      std::make_unique<FileBlockDevice>(std::move(fd), std::move(name), *size, block, *std::move(bounce)));
}

}  // namespace hal
