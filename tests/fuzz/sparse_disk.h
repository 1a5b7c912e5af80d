// Disks for the fuzzer, small as an input and large as a device: the sectors that are not given are zero.
//
//   input := sectors:u32 mode:u8 piece*        ; little-endian; sectors of 512 bytes
//   piece := sector:u32 length:u16 bytes       ; a later piece covers an earlier one
#pragma once

#include <array>
#include <map>
#include <vector>

#include "hal/block_device.h"

namespace tests {

struct SparseDisk {
  static constexpr std::size_t kSector = 512;      // bytes
  static constexpr std::size_t kPieceMost = 4096;  // bytes
  static constexpr std::size_t kPiecesMost = 64;

  struct Piece {
    std::uint32_t sector = 0;
    base::Bytes bytes;
  };
  std::uint32_t sectors = 0;
  unsigned char mode = 0;  // for the target, to choose what it does with the disk
  std::vector<Piece> pieces;

  // Any input is a disk; what does not fit at its end is left out.
  static SparseDisk parse(base::BytesView input);
  base::Bytes format() const;
  // The bytes at `offset`.
  void fill(std::uint64_t offset, std::span<std::byte> out) const;
  // Makes the checksums of GPT headers and arrays right again.
  void mendChecksums();
};

// Traps on a read or write that is not within the device: its users must have checked.
class SparseDevice final : public hal::BlockDevice {
 public:
  explicit SparseDevice(const SparseDisk& disk) : disk_(disk) {}
  std::uint64_t size() const noexcept override { return std::uint64_t{disk_.sectors} * SparseDisk::kSector; }
  base::Result<void> read(std::uint64_t offset, std::span<std::byte> out, base::Deadline by) override;
  base::Result<void> write(std::uint64_t offset, base::BytesView in, base::Deadline by) override;
  base::Result<void> flush() override { return {}; }

 private:
  static constexpr std::size_t kBlock = 4096;  // bytes
  void check(std::uint64_t offset, std::size_t length) const;

  const SparseDisk& disk_;
  std::map<std::uint64_t, std::array<std::byte, kBlock>> written_;  // by number
};

}  // namespace tests
