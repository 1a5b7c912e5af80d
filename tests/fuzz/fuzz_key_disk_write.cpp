// Fuzzes the writing of a key file onto whatever disk is there: it stays within the device, keeps what it has
// no consent to lose, and can be read back.
#include "hal/key_disk.h"
#include "tests/fuzz/sparse_disk.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  constexpr std::string_view kText = "[config]\npwd=00000000000007\n";
  const auto disk = tests::SparseDisk::parse(std::as_bytes(std::span(data, size)));
  tests::SparseDevice device(disk);
  const auto by = base::Deadline::in(std::chrono::seconds(10));
  const bool key = static_cast<bool>(hal::readKeyDisk(device, by));
  const auto consent = static_cast<hal::Overwrite>(disk.mode % 3);
  const auto done = hal::writeKeyDisk(device, base::asBytes(kText), consent, by);
  if (!done && done.error().what.empty()) __builtin_trap();
  if (done && key && consent != hal::Overwrite::Key) __builtin_trap();
  if (!done) return 0;
  const auto back = hal::readKeyDisk(device, by);
  if (!back || back->text() != kText) __builtin_trap();
  return 0;
}
