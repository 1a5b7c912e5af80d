#include "kms/backup/backup_format.h"

#include <algorithm>

#include "hal/base/utf8.h"
#include "kms/backup/sha256.h"

namespace kms::backup {
namespace {

using base::ByteReader;
using base::Bytes;
using base::BytesView;
using base::Code;
using base::Error;
using base::Result;

constexpr std::string_view kMagic = "KDBACKUP";
constexpr std::string_view kChunkMagic = "KDCK";
constexpr std::uint16_t kFormat = 1;
constexpr std::uint8_t kSigned = 1;             // flag
constexpr std::size_t kOrganisationMost = 255;  // bytes
constexpr std::size_t kSlotsMost = 256;
constexpr std::size_t kSlotPartMost = 1024;  // bytes of either half
constexpr std::size_t kEnd = 2 * sizeof(Hash);

Error damaged(const std::string& what) {
  return {Code::Corrupt, "the header of the backup is damaged: " + what, base::Reason::BackupDamaged};
}

void putTime(base::ByteWriter& out, base::Time at) {
  out.u64(static_cast<std::uint64_t>(at.time_since_epoch().count()));
}

// Far beyond it the time could not be printed.
base::Time timeOf(ByteReader& in, bool& good) {
  constexpr std::uint64_t kLast = 253'402'300'799;  // of the year 9999
  const std::uint64_t seconds = in.u64();
  good = good && seconds <= kLast;
  return base::Time(std::chrono::seconds(good ? static_cast<std::int64_t>(seconds) : 0));
}

Hash hashOf(ByteReader& in) {
  Hash out{};
  const BytesView bytes = in.raw(out.size());
  if (bytes.size() == out.size()) std::copy(bytes.begin(), bytes.end(), out.begin());
  return out;
}

base::Uuid uuidOf(ByteReader& in) {
  std::array<std::byte, 16> raw{};
  const BytesView bytes = in.raw(raw.size());
  if (bytes.size() == raw.size()) std::copy(bytes.begin(), bytes.end(), raw.begin());
  return base::Uuid::fromBytes(raw).value_or(base::Uuid());
}

bool goodOrganisation(std::string_view text) {
  return text.size() <= kOrganisationMost && base::validUtf8(text) && !base::hasControl(text);
}

// All before the MAC, with a length that is filled in behind.
Bytes fields(const Header& header) {
  base::ByteWriter out;
  out.raw(base::asBytes(kMagic));
  out.u16(kFormat);
  out.u8(static_cast<std::uint8_t>(header.kind));
  out.u8(header.mac ? kSigned : 0);
  out.u32(0);
  out.raw(header.server.bytes());
  out.raw(header.id.bytes());
  putTime(out, header.made);
  putTime(out, header.created);
  out.u32(header.schema);
  for (const std::uint64_t number : {header.epoch, header.users, header.tokens, header.certificates,
                                     header.entries, header.chunks, header.bytes})
    out.u64(number);
  out.raw(header.root);
  out.field(header.organisation);
  out.u16(static_cast<std::uint16_t>(header.slots.size()));
  for (const SlotRow& slot : header.slots) {
    out.field(slot.header);
    out.field(slot.wrapped);
  }
  Bytes bytes = std::move(out).take();
  base::storeLe32(std::span(bytes).subspan(12), static_cast<std::uint32_t>(bytes.size() + kEnd));
  return bytes;
}

Result<void> readSlots(ByteReader& in, std::vector<SlotRow>& slots) {
  const std::size_t count = in.u16();
  if (count > kSlotsMost) return damaged("it tells of too many key slots");
  for (std::size_t i = 0; i < count && in.ok(); ++i) {
    SlotRow slot;
    slot.id = static_cast<std::int64_t>(i) + 1;
    const BytesView head = in.field(kSlotPartMost);
    slot.header.assign(head.begin(), head.end());
    const BytesView wrapped = in.field(kSlotPartMost);
    slot.wrapped.assign(wrapped.begin(), wrapped.end());
    slots.push_back(std::move(slot));
  }
  return {};
}

Result<Header> readFields(ByteReader& in, std::uint8_t kind) {
  bool good = true;
  Header header;
  header.kind = static_cast<Kind>(kind);
  header.server = uuidOf(in);
  header.id = uuidOf(in);
  header.made = timeOf(in, good);
  header.created = timeOf(in, good);
  header.schema = in.u32();
  for (std::uint64_t* number : {&header.epoch, &header.users, &header.tokens, &header.certificates,
                                &header.entries, &header.chunks, &header.bytes})
    *number = in.u64();
  header.root = hashOf(in);
  header.organisation = in.text(kOrganisationMost);
  if (auto read = readSlots(in, header.slots); !read) return std::move(read).error();
  if (!in.ok()) return damaged("a field is cut off");
  if (!good || !goodOrganisation(header.organisation)) return damaged("a value is no such value");
  if (header.chunks == 0 || header.bytes == 0) return damaged("it tells of no data");
  return header;
}

}  // namespace

std::string_view kindName(Kind kind) noexcept {
  switch (kind) {
    case Kind::Live:
      return "live";
    case Kind::Stopped:
      return "stopped";
    case Kind::Final:
      break;
  }
  return "final";
}

Bytes signedPart(const Header& header) { return fields(header); }

Result<Bytes> encodeHeader(const Header& header) {
  if (!goodOrganisation(header.organisation) || header.slots.size() > kSlotsMost)
    return Error{Code::Invalid, "the server has more key slots or a longer name than a backup can tell of"};
  Bytes bytes = signedPart(header);
  const Hash mac = header.mac.value_or(Hash{});
  bytes.insert(bytes.end(), mac.begin(), mac.end());
  const Hash check = Sha256().add(bytes).take();  // also over the MAC, which most readers cannot judge
  bytes.insert(bytes.end(), check.begin(), check.end());
  if (bytes.size() > kHeaderMost)
    return Error{Code::Invalid, "the server has more key slots than a backup can tell of"};
  return bytes;
}

Result<std::size_t> headerLength(BytesView prefix) {
  ByteReader in(prefix);
  const std::string_view magic = base::asText(in.raw(kMagic.size()));
  const std::uint16_t format = in.u16();
  in.u16();
  const std::size_t length = in.u32();
  if (!in.ok() || magic != kMagic)
    return Error{Code::Corrupt, "this is not a backup of keydisk, or its first bytes are damaged",
                 base::Reason::BackupDamaged};
  if (format != kFormat)
    return Error{Code::Unsupported, "the backup has format " + std::to_string(format) +
                                        " and this program knows " + std::to_string(kFormat) +
                                        "; install the newer version of keydisk"};
  if (length < kHeaderPrefix + kEnd || length > kHeaderMost) return damaged("its length is no such length");
  return length;
}

Result<Header> parseHeader(BytesView bytes) {
  auto length = headerLength(bytes.first(std::min(bytes.size(), kHeaderPrefix)));
  if (!length) return std::move(length).error();
  if (*length != bytes.size()) return damaged("it is cut off");
  const BytesView body = bytes.first(bytes.size() - kEnd);
  const Hash check = Sha256().add(bytes.first(bytes.size() - sizeof(Hash))).take();
  if (!base::equalConstantTime(check, bytes.last(check.size()))) return damaged("its check does not fit");
  ByteReader in(body);
  in.raw(kMagic.size() + 2);
  const std::uint8_t kind = in.u8();
  const std::uint8_t flags = in.u8();
  in.u32();
  if (kind < static_cast<std::uint8_t>(Kind::Live) || kind > static_cast<std::uint8_t>(Kind::Final) ||
      flags > kSigned)
    return damaged("a value is no such value");
  auto header = readFields(in, kind);
  if (!header) return header;
  if (!in.atEnd()) return damaged("it has more than its fields");
  ByteReader end(bytes.subspan(body.size()));
  const Hash mac = hashOf(end);
  if (flags == kSigned) header->mac = mac;
  if (flags != kSigned && mac != Hash{}) return damaged("it is unsigned and has a MAC");
  return header;
}

Hash chunkHash(const base::Uuid& id, const ChunkHead& head, BytesView data) {
  const auto encoded = encodeChunkHead(head);
  return Sha256().add(id.bytes()).add(BytesView(encoded).first(kChunkHead - sizeof(Hash))).add(data).take();
}

std::array<std::byte, kChunkHead> encodeChunkHead(const ChunkHead& head) {
  base::ByteWriter out;
  out.raw(base::asBytes(kChunkMagic));
  out.u64(head.number);
  out.u8(static_cast<std::uint8_t>(head.part));
  out.u64(head.segment);
  out.u32(head.length);
  out.raw(head.hash);
  std::array<std::byte, kChunkHead> bytes{};
  std::copy(out.bytes().begin(), out.bytes().end(), bytes.begin());
  return bytes;
}

Result<ChunkHead> parseChunkHead(BytesView bytes) {
  ByteReader in(bytes);
  const std::string_view magic = base::asText(in.raw(kChunkMagic.size()));
  ChunkHead head;
  head.number = in.u64();
  const std::uint8_t part = in.u8();
  head.segment = in.u64();
  head.length = in.u32();
  head.hash = hashOf(in);
  if (!in.atEnd() || magic != kChunkMagic) return Error{Code::Corrupt, "no chunk begins there"};
  head.part = static_cast<Part>(part);
  const bool database = head.part == Part::Database && head.segment == 0;
  const bool audit = head.part == Part::Audit && head.segment > 0;
  if ((!database && !audit) || head.length == 0 || head.length > kChunkMost)
    return Error{Code::Corrupt, "its head is damaged"};
  return head;
}

}  // namespace kms::backup
