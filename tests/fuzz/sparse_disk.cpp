#include "tests/fuzz/sparse_disk.h"

#include <algorithm>

#include "hal/base/crc32.h"

namespace tests {
namespace {

constexpr std::size_t kHeader = 5;       // bytes before the first piece
constexpr std::size_t kPieceHeader = 6;  // bytes
constexpr std::size_t kArrayMost = 128 * 1024;

void append(base::Bytes& out, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out.push_back(static_cast<std::byte>(value >> (8 * i)));
}

void put32(base::Bytes& bytes, std::size_t at, std::uint32_t value) {
  for (std::size_t i = 0; i < 4; ++i) bytes[at + i] = static_cast<std::byte>(value >> (8 * i));
}

// Copies the part of `bytes`, which stand at `at`, that `out`, which stands at `offset`, covers.
void overlay(std::uint64_t at, base::BytesView bytes, std::uint64_t offset, std::span<std::byte> out) {
  const std::uint64_t from = std::max(at, offset);
  const std::uint64_t to = std::min(at + bytes.size(), offset + out.size());
  if (from >= to) return;
  const auto part = bytes.subspan(static_cast<std::size_t>(from - at), static_cast<std::size_t>(to - from));
  std::ranges::copy(part, out.subspan(static_cast<std::size_t>(from - offset)).begin());
}

}  // namespace

SparseDisk SparseDisk::parse(base::BytesView input) {
  SparseDisk disk;
  if (input.size() < kHeader) return disk;
  disk.sectors = base::loadLe32(input);
  disk.mode = std::to_integer<unsigned char>(input[4]);
  input = input.subspan(kHeader);
  while (input.size() > kPieceHeader && disk.pieces.size() < kPiecesMost) {
    const std::uint32_t sector = base::loadLe32(input);
    const std::size_t length = base::loadLe16(input.subspan(4)) % (kPieceMost + 1);
    input = input.subspan(kPieceHeader);
    const auto bytes = input.first(std::min(length, input.size()));
    disk.pieces.push_back({sector, base::Bytes(bytes.begin(), bytes.end())});
    input = input.subspan(bytes.size());
  }
  return disk;
}

base::Bytes SparseDisk::format() const {
  base::Bytes out;
  append(out, sectors, 4);
  append(out, mode, 1);
  for (const Piece& piece : pieces) {
    append(out, piece.sector, 4);
    append(out, piece.bytes.size(), 2);
    out.insert(out.end(), piece.bytes.begin(), piece.bytes.end());
  }
  return out;
}

void SparseDisk::fill(std::uint64_t offset, std::span<std::byte> out) const {
  std::ranges::fill(out, std::byte{0});
  for (const Piece& piece : pieces) overlay(std::uint64_t{piece.sector} * kSector, piece.bytes, offset, out);
}

void SparseDisk::mendChecksums() {
  for (Piece& piece : pieces) {
    if (piece.bytes.size() < 92 || base::asText(piece.bytes).substr(0, 8) != "EFI PART") continue;
    const std::uint64_t number = base::loadLe64(base::BytesView(piece.bytes).subspan(24));
    const std::uint64_t sector = number == 1 && piece.sector == 8 ? 4096 : 512;
    const std::uint64_t at = base::loadLe64(base::BytesView(piece.bytes).subspan(72));
    const std::uint64_t size = std::uint64_t{base::loadLe32(base::BytesView(piece.bytes).subspan(80))} *
                               base::loadLe32(base::BytesView(piece.bytes).subspan(84));
    if (size <= kArrayMost && at < sectors) {
      base::Bytes array(static_cast<std::size_t>(size));
      fill(at * sector, array);
      put32(piece.bytes, 88, base::crc32(array));
    }
    const std::uint32_t length = base::loadLe32(base::BytesView(piece.bytes).subspan(12));
    if (length < 92 || length > kPieceMost) continue;
    base::Bytes header(piece.bytes);
    header.resize(length);
    put32(header, 16, 0);
    put32(piece.bytes, 16, base::crc32(header));
  }
}

void SparseDevice::check(std::uint64_t offset, std::size_t length) const {
  if (offset > size() || length > size() - offset) __builtin_trap();
}

base::Result<void> SparseDevice::read(std::uint64_t offset, std::span<std::byte> out, base::Deadline) {
  check(offset, out.size());
  disk_.fill(offset, out);
  if (written_.empty() || out.empty()) return {};
  for (std::uint64_t block = offset / kBlock; block <= (offset + out.size() - 1) / kBlock; ++block) {
    const auto found = written_.find(block);
    if (found != written_.end()) overlay(block * kBlock, found->second, offset, out);
  }
  return {};
}

base::Result<void> SparseDevice::write(std::uint64_t offset, base::BytesView in, base::Deadline) {
  check(offset, in.size());
  if (in.empty()) return {};
  for (std::uint64_t block = offset / kBlock; block <= (offset + in.size() - 1) / kBlock; ++block) {
    const auto [at, fresh] = written_.try_emplace(block);
    if (fresh) disk_.fill(block * kBlock, at->second);
    overlay(offset, in, block * kBlock, at->second);
  }
  return {};
}

}  // namespace tests
