// The format of a backup file (kms/FORMATS.md, section 17), as pure functions over bytes. A backup is a
// stranger's input until its MAC was checked, and most of the time nobody can check it.
//
// file   := header chunk+
// header := "KDBACKUP" format{2} kind{1} flags{1} length{4} server{16} id{16} made{8} created{8} schema{4}
//           epoch{8} users{8} tokens{8} certificates{8} entries{8} chunks{8} bytes{8} root{32}
//           organisation slotCount{2} (header wrapped)... mac{32} check{32}
// chunk  := "KDCK" number{8} part{1} segment{8} length{4} hash{32} data
// Texts and the halves of a slot: length{4}, bytes. Integers are little-endian, times in seconds.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "hal/base/bytes.h"
#include "hal/base/clock.h"
#include "hal/base/result.h"
#include "hal/base/uuid.h"
#include "kms/store/store.h"

namespace kms::backup {

using Hash = std::array<std::byte, 32>;  // SHA-256

enum class Kind : std::uint8_t {
  Live = 1,     // made while the server worked
  Stopped = 2,  // made with the server stopped, which may have gone on since
  Final = 3     // made with the server stopped and marked as moved
};

struct Header {
  Kind kind = Kind::Live;
  base::Uuid server;
  base::Uuid id;  // of this backup, random
  base::Time made{};
  base::Time created{};  // of the server
  std::string organisation;
  std::uint32_t schema = 0;
  std::uint64_t epoch = 0;         // the newest sealing epoch
  std::uint64_t users = 0;         // rows
  std::uint64_t tokens = 0;        // rows
  std::uint64_t certificates = 0;  // rows
  std::uint64_t entries = 0;       // lines of the audit log
  std::uint64_t chunks = 0;
  std::uint64_t bytes = 0;  // of the whole file
  Hash root{};              // over the hashes of all chunks, in their order
  std::vector<SlotRow> slots;
  std::optional<Hash> mac;  // none: the backup is unsigned
};

inline constexpr std::size_t kHeaderPrefix = 16;          // bytes that tell the header's length
inline constexpr std::size_t kHeaderMost = 64U * 1024U;   // bytes
inline constexpr std::size_t kChunkHead = 57;             // bytes
inline constexpr std::size_t kChunkMost = 1024U * 1024U;  // bytes of data; all but a part's last have as many

enum class Part : std::uint8_t {
  Database = 1,
  Audit = 2  // one file of the audit log, `segment`
};

struct ChunkHead {
  std::uint64_t number = 0;  // from 1, over the whole file
  Part part = Part::Database;
  std::uint64_t segment = 0;  // of Part::Audit, from 1; else 0
  std::uint32_t length = 0;   // bytes of data, 1 to kChunkMost
  Hash hash{};
};

// What the MAC is over: the header without its last two fields. REQUIRES: a header that encodeHeader can
// write.
base::Bytes signedPart(const Header& header);
// Errors: Invalid (more slots or a longer text than a header holds).
base::Result<base::Bytes> encodeHeader(const Header& header);
// The length of the whole header, from its first kHeaderPrefix bytes. Errors: Corrupt (no backup, cut off);
// Unsupported (a later format).
base::Result<std::size_t> headerLength(base::BytesView prefix);
// The whole header, and nothing else. Errors: as headerLength; Corrupt.
base::Result<Header> parseHeader(base::BytesView bytes);

// SHA-256 of the backup's id, the chunk's head without its hash, and the data.
Hash chunkHash(const base::Uuid& id, const ChunkHead& head, base::BytesView data);
std::array<std::byte, kChunkHead> encodeChunkHead(const ChunkHead& head);
// Errors: Corrupt.
base::Result<ChunkHead> parseChunkHead(base::BytesView bytes);

std::string_view kindName(Kind kind) noexcept;  // "live", "stopped", "final"

}  // namespace kms::backup
