// Fuzzes all that reads a medium: partition tables, FAT, the search for the key file.
#include "hal/key_disk.h"
#include "tests/fuzz/sparse_disk.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const auto disk = tests::SparseDisk::parse(std::as_bytes(std::span(data, size)));
  tests::SparseDevice device(disk);
  const auto text = hal::readKeyDisk(device, base::Deadline::in(std::chrono::seconds(10)));
  if (!text && text.error().what.empty()) __builtin_trap();  // every refusal says why
  return 0;
}
