#include "drivers/usb/usb_disk.h"

#include <algorithm>

namespace drivers::usb {
namespace {

using base::Code;
using base::Error;
using base::Result;

constexpr std::size_t kBounce = 32 * 1024;  // bytes of one command; whole blocks of either size
constexpr Milliseconds kFlushMost{30'000};  // where nothing was written before

class UsbDisk final : public hal::BlockDevice {
 public:
  UsbDisk(ScsiUnit unit, std::shared_ptr<void> keeps, std::string name, base::SecretBuffer bounce)
      : keeps_(std::move(keeps)),
        unit_(std::move(unit)),
        name_(std::move(name)),
        bounce_(std::move(bounce)) {}

  std::uint64_t size() const noexcept override { return unit_.facts().size(); }
  Result<void> read(std::uint64_t offset, std::span<std::byte> out, base::Deadline by) override;
  Result<void> write(std::uint64_t offset, base::BytesView in, base::Deadline by) override;
  Result<void> flush() override { return unit_.synchronize(flushBy_); }

 private:
  // Whole blocks that one bounce holds, and the part of them that was asked for.
  struct Window {
    std::uint64_t block;
    std::span<std::byte> bytes;
    std::size_t skip;
    std::size_t take;
  };
  Window windowAt(std::uint64_t offset, std::size_t wanted);
  Result<void> check(std::uint64_t offset, std::size_t length, base::Deadline by) const;
  Result<void> fill(std::uint64_t offset, std::span<std::byte> out, base::Deadline by);
  Result<void> store(std::uint64_t offset, base::BytesView in, base::Deadline by);

  std::shared_ptr<void> keeps_;  // the session; goes last
  ScsiUnit unit_;
  std::string name_;
  base::SecretBuffer bounce_;
  base::Deadline flushBy_ = base::Deadline::in(kFlushMost);
};

UsbDisk::Window UsbDisk::windowAt(std::uint64_t offset, std::size_t wanted) {
  const std::size_t size = unit_.facts().blockSize;
  const auto skip = static_cast<std::size_t>(offset % size);
  const std::size_t take = std::min(wanted, kBounce - skip);
  const std::size_t whole = (skip + take + size - 1) / size * size;
  return {offset / size, bounce_.bytes().first(whole), skip, take};
}

Result<void> UsbDisk::check(std::uint64_t offset, std::size_t length, base::Deadline by) const {
  if (offset > size() || length > size() - offset)
    return Error{Code::Corrupt,
                 name_ + " ends before byte " + std::to_string(offset) + " + " + std::to_string(length)};
  if (by.expired()) return Error{Code::Timeout, name_ + " was too slow; try again or take another stick"};
  return {};
}

Result<void> UsbDisk::fill(std::uint64_t offset, std::span<std::byte> out, base::Deadline by) {
  while (!out.empty()) {
    if (auto sound = check(offset, out.size(), by); !sound) return sound;
    const Window window = windowAt(offset, out.size());
    if (auto done = unit_.read(window.block, window.bytes, by); !done) return done;
    std::copy_n(window.bytes.begin() + static_cast<std::ptrdiff_t>(window.skip), window.take, out.begin());
    offset += window.take;
    out = out.subspan(window.take);
  }
  return {};
}

Result<void> UsbDisk::store(std::uint64_t offset, base::BytesView in, base::Deadline by) {
  while (!in.empty()) {
    if (auto sound = check(offset, in.size(), by); !sound) return sound;
    const Window window = windowAt(offset, in.size());
    if (window.take < window.bytes.size()) {  // read, change, write
      if (auto done = unit_.read(window.block, window.bytes, by); !done) return done;
    }
    std::copy_n(in.begin(), window.take, window.bytes.begin() + static_cast<std::ptrdiff_t>(window.skip));
    if (auto done = unit_.write(window.block, window.bytes, by); !done) return done;
    offset += window.take;
    in = in.subspan(window.take);
  }
  return {};
}

Result<void> UsbDisk::read(std::uint64_t offset, std::span<std::byte> out, base::Deadline by) {
  auto done = fill(offset, out, by);
  base::wipe(bounce_.bytes());
  return done;
}

Result<void> UsbDisk::write(std::uint64_t offset, base::BytesView in, base::Deadline by) {
  flushBy_ = by;
  auto done = store(offset, in, by);
  base::wipe(bounce_.bytes());
  return done;
}

}  // namespace

Result<std::unique_ptr<hal::BlockDevice>> makeUsbDisk(ScsiUnit unit, std::shared_ptr<void> keeps,
                                                      std::string name) {
  auto bounce = base::SecretBuffer::create(kBounce);
  if (!bounce) return std::move(bounce).error();
  return std::unique_ptr<hal::BlockDevice>(
      std::make_unique<UsbDisk>(std::move(unit), std::move(keeps), std::move(name), *std::move(bounce)));
}

Result<StartedDisk> startDisk(std::unique_ptr<Session> session, unsigned lun, const std::string& name,
                              base::Deadline by, UnitOptions options) {
  const std::shared_ptr<Session> shared(std::move(session));
  const auto most = shared->transport().maxLun(by);
  if (!most) return most.error();
  if (lun > *most) return Error{Code::NotFound, "there is no unit " + name};
  auto unit = ScsiUnit::start(shared->transport(), lun, name, by, options);
  if (!unit) return std::move(unit).error();
  StartedDisk disk;
  disk.writeProtected = unit->facts().writeProtected;
  auto device = makeUsbDisk(*std::move(unit), shared, name);
  if (!device) return std::move(device).error();
  disk.device = *std::move(device);
  return disk;
}

}  // namespace drivers::usb
