#include "tests/contract/drivers/scripted_floppy.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace tests {
namespace {

namespace floppy = drivers::floppy;

class MemoryDisk final : public hal::BlockDevice {
 public:
  explicit MemoryDisk(std::shared_ptr<FakeDrive> drive)
      : drive_(std::move(drive)), generation_(drive_->generation), size_(drive_->disk.size()) {}

  std::uint64_t size() const noexcept override { return size_; }
  base::Result<void> read(std::uint64_t offset, std::span<std::byte> out, base::Deadline) override {
    const std::lock_guard lock(drive_->mutex);
    if (drive_->readsLeft && (*drive_->readsLeft)-- == 0) drive_->disk.clear();
    if (auto bad = check(offset, out.size())) return std::move(*bad);
    std::memcpy(out.data(), drive_->disk.data() + offset, out.size());
    return {};
  }
  base::Result<void> write(std::uint64_t offset, base::BytesView in, base::Deadline) override {
    const std::lock_guard lock(drive_->mutex);
    if (auto bad = check(offset, in.size())) return std::move(*bad);
    std::memcpy(drive_->disk.data() + offset, in.data(), in.size());
    return {};
  }
  base::Result<void> flush() override { return {}; }

 private:
  std::optional<base::Error> check(std::uint64_t offset, std::size_t size) const {
    if (drive_->disk.empty() || drive_->generation != generation_) {
      return base::Error{base::Code::NotFound, "the disk was pulled"};
    }
    if (offset > size_ || size > size_ - offset) return base::Error{base::Code::Corrupt, "past the end"};
    return std::nullopt;
  }
  std::shared_ptr<FakeDrive> drive_;
  std::uint64_t generation_;
  std::uint64_t size_;
};

class FakeOpen final : public floppy::OpenDrive {
 public:
  explicit FakeOpen(std::shared_ptr<FakeDrive> drive) : drive_(std::move(drive)) {}
  std::optional<floppy::DriveState> state() override {
    const std::lock_guard lock(drive_->mutex);
    return floppy::DriveState{drive_->generation, drive_->pulledAfterOpen, drive_->writable};
  }
  base::Result<std::unique_ptr<hal::BlockDevice>> device(hal::Access, const std::string&,
                                                         base::Deadline) override {
    const std::lock_guard lock(drive_->mutex);
    return std::unique_ptr<hal::BlockDevice>(std::make_unique<MemoryDisk>(drive_));
  }

 private:
  std::shared_ptr<FakeDrive> drive_;
};

class FakeIo final : public floppy::FloppyIo {
 public:
  explicit FakeIo(std::shared_ptr<FakeDrive> drive) : drive_(std::move(drive)) {}

  floppy::Node node(const std::string&) override {
    const std::lock_guard lock(drive_->mutex);
    return {drive_->nodeError, drive_->kind, 0};
  }
  floppy::Opened open(const std::string&, hal::Access access, bool) override {
    const std::lock_guard lock(drive_->mutex);
    ++drive_->opens;
    if (drive_->refusal != 0) return {drive_->refusal, nullptr};
    if (std::exchange(drive_->failNextOpen, false) || drive_->disk.empty()) return {ENXIO, nullptr};
    if (access == hal::Access::Write && !drive_->writable) return {EROFS, nullptr};
    return {0, std::make_unique<FakeOpen>(drive_)};
  }
  base::Result<hal::BlockFacts> facts(dev_t) override {
    if (drive_->kind != drivers::floppy::NodeKind::Block)
      return base::Error{base::Code::NotFound, "a diskette drive is not asked by sysfs"};
    const std::lock_guard lock(drive_->mutex);
    hal::BlockFacts facts;
    facts.size = drive_->disk.size();
    facts.stamp = std::to_string(drive_->generation);
    return facts;
  }

 private:
  std::shared_ptr<FakeDrive> drive_;
};

}  // namespace

void FakeDrive::insert(std::string bytes) {
  const std::lock_guard lock(mutex);
  disk = std::move(bytes);
  writable = true;
  failNextOpen = true;
  ++generation;
}

void FakeDrive::pull() {
  const std::lock_guard lock(mutex);
  disk.clear();
  failNextOpen = true;
  ++generation;
}

std::unique_ptr<floppy::FloppyIo> scriptedFloppyIo(std::shared_ptr<FakeDrive> drive) {
  return std::make_unique<FakeIo>(std::move(drive));
}

}  // namespace tests
