// A block device in memory that can fail: unreadable places, a power cut after so many writes, a medium that
// lies about what it has written.
#pragma once

#include <cstring>
#include <optional>
#include <vector>

#include "hal/block_device.h"

namespace tests {

class MemoryDevice final : public hal::BlockDevice {
 public:
  explicit MemoryDevice(base::Bytes bytes) : content(std::move(bytes)) {}
  explicit MemoryDevice(std::size_t size) : content(size) {}

  std::uint64_t size() const noexcept override { return content.size(); }

  base::Result<void> read(std::uint64_t offset, std::span<std::byte> out, base::Deadline by) override {
    if (auto good = check(offset, out.size(), by); !good) return good;
    for (const auto& [from, to] : unreadable) {
      if (offset < to && offset + out.size() > from) return base::Error{base::Code::Io, "bad sector"};
    }
    bytesRead += out.size();
    if (!out.empty()) std::memcpy(out.data(), content.data() + offset, out.size());
    return {};
  }

  base::Result<void> write(std::uint64_t offset, base::BytesView in, base::Deadline by) override {
    if (auto good = check(offset, in.size(), by); !good) return good;
    if (writesLeft && *writesLeft == 0) return base::Error{base::Code::Io, "power cut"};
    if (writesLeft) --*writesLeft;
    ++writes;
    if (!forgetful) std::memcpy(content.data() + offset, in.data(), in.size());
    return {};
  }

  base::Result<void> flush() override { return {}; }

  base::Bytes content;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> unreadable;  // from, to
  std::optional<std::size_t> writesLeft;
  bool forgetful = false;  // takes writes and drops them
  std::size_t writes = 0;
  std::uint64_t bytesRead = 0;

 private:
  base::Result<void> check(std::uint64_t offset, std::size_t length, base::Deadline by) const {
    if (by.expired()) return base::Error{base::Code::Timeout, "too slow"};
    if (offset > content.size() || length > content.size() - offset)
      return base::Error{base::Code::Corrupt, "past the end"};
    return {};
  }
};

}  // namespace tests
