// How libFuzzer changes a disk: within its pieces, so that they stay what they are, and with checksums that
// hold, so that what stands behind them is reached.
#include <algorithm>
#include <random>

#include "tests/fuzz/sparse_disk.h"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

namespace {

using tests::SparseDisk;

class Mutator {
 public:
  Mutator(SparseDisk& disk, unsigned seed) : disk_(disk), random_(seed) {}

  void run() {
    const std::size_t kind = below(16);
    if (kind == 0 || disk_.pieces.empty()) {
      changeSize();
    } else if (kind == 1) {
      move(any());
    } else if (kind == 2) {
      copy();
    } else if (kind == 3) {
      disk_.mode = static_cast<unsigned char>(random_());
    } else if (kind == 4 && disk_.pieces.size() > 1) {
      disk_.pieces.erase(disk_.pieces.begin() + static_cast<std::ptrdiff_t>(below(disk_.pieces.size())));
    } else if (kind < 8) {
      setField(any());
    } else {
      mutate(any());
    }
    if (below(8) != 0) disk_.mendChecksums();
  }

 private:
  std::size_t below(std::size_t bound) { return random_() % bound; }
  SparseDisk::Piece& any() { return disk_.pieces[below(disk_.pieces.size())]; }

  void changeSize() {
    if (below(2) == 0) {
      disk_.sectors += static_cast<std::uint32_t>(below(9)) - 4;
    } else {
      disk_.sectors = static_cast<std::uint32_t>(random_()) >> below(32);
    }
  }
  void move(SparseDisk::Piece& piece) {
    if (below(2) == 0) {
      piece.sector += static_cast<std::uint32_t>(below(9)) - 4;
    } else {
      piece.sector = static_cast<std::uint32_t>(below(std::max<std::uint32_t>(disk_.sectors, 1)));
    }
  }
  void copy() {
    if (disk_.pieces.size() >= SparseDisk::kPiecesMost) return;
    disk_.pieces.push_back(any());
    move(disk_.pieces.back());
  }
  // One number of 1, 2 or 4 bytes: the kind that boot sectors, FATs and directories are made of.
  void setField(SparseDisk::Piece& piece) {
    if (piece.bytes.empty()) return;
    const std::size_t width = std::size_t{1} << below(3);
    const std::size_t at = below(std::min<std::size_t>(piece.bytes.size(), below(2) == 0 ? 64 : 4096));
    constexpr std::uint32_t kTelling[] = {0,      1,      2,      3,      0x7F,       0x80,       0xFF0,
                                          0xFF7,  0xFF8,  0xFFFF, 0xFFF7, 0x0FFFFFF7, 0x0FFFFFF8, 0xFFFFFFFF,
                                          0x8000, 0x1000, 0x200,  0x10,   4085,       65525,      0x7FFFFFFF};
    const std::uint32_t value =
        below(2) == 0 ? kTelling[below(std::size(kTelling))] : static_cast<std::uint32_t>(random_());
    for (std::size_t i = 0; i < width && at + i < piece.bytes.size(); ++i)
      piece.bytes[at + i] = static_cast<std::byte>(value >> (8 * i));
  }
  void mutate(SparseDisk::Piece& piece) {
    const std::size_t size = piece.bytes.size();
    const std::size_t most = std::min<std::size_t>(SparseDisk::kPieceMost, size + below(64) + 1);
    piece.bytes.resize(most);
    piece.bytes.resize(LLVMFuzzerMutate(reinterpret_cast<std::uint8_t*>(piece.bytes.data()), size, most));
  }

  SparseDisk& disk_;
  std::minstd_rand random_;
};

std::size_t put(const SparseDisk& disk, std::uint8_t* out, std::size_t most) {
  const base::Bytes input = disk.format();
  const std::size_t size = std::min(most, input.size());
  std::copy_n(reinterpret_cast<const std::uint8_t*>(input.data()), size, out);
  return size;
}

SparseDisk take(const std::uint8_t* data, std::size_t size) {
  return SparseDisk::parse(std::as_bytes(std::span(data, size)));
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most,
                                               unsigned seed) {
  SparseDisk disk = take(data, size);
  Mutator(disk, seed).run();
  return put(disk, data, most);
}

// The first disk with some pieces of the second.
extern "C" std::size_t LLVMFuzzerCustomCrossOver(const std::uint8_t* one, std::size_t oneSize,
                                                 const std::uint8_t* two, std::size_t twoSize,
                                                 std::uint8_t* out, std::size_t most, unsigned seed) {
  SparseDisk disk = take(one, oneSize);
  std::minstd_rand dice(seed);
  for (SparseDisk::Piece& piece : take(two, twoSize).pieces)
    if (dice() % 2 == 0 && disk.pieces.size() < SparseDisk::kPiecesMost)
      disk.pieces.push_back(std::move(piece));
  return put(disk, out, most);
}
