// Backups made in memory, for tests of those who read them.
#pragma once

#include "kms/backup/check.h"
#include "kms/backup/source.h"
#include "tests/support/scratch.h"

namespace tests {

inline const kms::backup::Hash kFakeMac{std::byte{7}};

inline base::Bytes pattern(std::size_t size, unsigned seed) {
  base::Bytes out(size);
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::byte>((i * 7 + seed) % 251);
  return out;
}

void writeFile(const std::filesystem::path& file, base::BytesView content);
base::Bytes readAll(kms::backup::Source& source, std::size_t piece);

// A backup of a database with these bytes and one audit file.
struct Made {
  kms::backup::Header header;
  base::Bytes bytes;
};
Made makeBackup(const Scratch& scratch, base::BytesView database, base::BytesView audit, unsigned id,
                bool signedToo = true);

// Feeds it in pieces of this size. What came out is in `data`.
struct Outcome {
  base::Result<void> result;
  base::Bytes data;
};
Outcome check(base::BytesView bytes, std::size_t piece = 4096);

}  // namespace tests
