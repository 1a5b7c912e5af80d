// Fuzzes the reader of backups. The first byte says in which pieces the rest comes; what is taken must not
// depend on that.
#include <algorithm>
#include <cstdint>

#include "kms/backup/check.h"
#include "kms/backup/sha256.h"

namespace {

using kms::backup::Check;

struct Outcome {
  bool whole = false;
  std::string what;
  std::size_t data = 0;
  std::uint64_t chunks = 0;
};

Outcome read(base::BytesView bytes, std::size_t piece) {
  Outcome out;
  Check check({{}, [&out](const kms::backup::ChunkHead& head, base::BytesView data) -> base::Result<void> {
                 if (data.size() != head.length || data.size() > kms::backup::kChunkMost) __builtin_trap();
                 if (head.number != ++out.chunks) __builtin_trap();
                 out.data += data.size();
                 return {};
               }});
  base::Result<void> result;
  for (std::size_t at = 0; at < bytes.size() && result; at += piece)
    result = check.feed(bytes.subspan(at, std::min(piece, bytes.size() - at)));
  if (result) result = check.finish();
  out.whole = bool(result);
  if (!result) out.what = result.error().what;
  if (out.whole && (!check.header() || check.header()->bytes != bytes.size())) __builtin_trap();
  if (!out.whole && out.what.empty()) __builtin_trap();
  if (out.data > bytes.size()) __builtin_trap();
  return out;
}

// As far as there is a header and chunks.
base::Bytes repaired(base::BytesView bytes) {
  using namespace kms::backup;
  base::Bytes out(bytes.begin(), bytes.end());
  const auto length = headerLength(base::BytesView(out).first(std::min(out.size(), kHeaderPrefix)));
  constexpr std::size_t kRootAt = 124;
  if (!length || *length > out.size() || *length < kRootAt + 3 * sizeof(Hash)) return out;
  const auto id = base::Uuid::fromBytes(base::BytesView(out).subspan(32, 16));
  const auto put = [&out](std::size_t at, const Hash& hash) {
    std::copy(hash.begin(), hash.end(), out.begin() + static_cast<std::ptrdiff_t>(at));
  };
  Sha256 root;
  for (std::size_t at = *length; at + kChunkHead <= out.size();) {
    const base::BytesView rest = base::BytesView(out).subspan(at);
    const auto head = parseChunkHead(rest.first(kChunkHead));
    if (!head || rest.size() < kChunkHead + head->length) break;
    const Hash hash = chunkHash(*id, *head, rest.subspan(kChunkHead, head->length));
    put(at + kChunkHead - sizeof(Hash), hash);
    root.add(hash);
    at += kChunkHead + head->length;
  }
  put(kRootAt, root.take());
  const std::size_t check = *length - sizeof(Hash);
  put(check, Sha256().add(base::BytesView(out).first(check)).take());
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const base::BytesView given = base::asBytes({reinterpret_cast<const char*>(data) + 1, size - 1});
  const base::Bytes fitting = (data[0] & 1) != 0 ? repaired(given) : base::Bytes(given.begin(), given.end());
  const base::BytesView bytes = fitting;
  const Outcome whole = read(bytes, std::max<std::size_t>(bytes.size(), 1));
  const Outcome pieces = read(bytes, std::size_t{data[0]} + 1);
  if (whole.whole != pieces.whole || whole.data != pieces.data || whole.chunks != pieces.chunks)
    __builtin_trap();
  // A header that is taken is written as it was.
  if (const auto header = kms::backup::parseHeader(bytes)) {
    const auto again = kms::backup::encodeHeader(*header);
    if (!again || !std::equal(again->begin(), again->end(), bytes.begin(), bytes.end())) __builtin_trap();
  }
  return 0;
}
