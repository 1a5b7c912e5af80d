#include "kms/keys/slot.h"

#include <algorithm>

#include "hal/base/utf8.h"

namespace kms {
namespace {

constexpr std::string_view kMagic = "KDSLOT";
constexpr std::uint16_t kVersion = 1;
constexpr std::uint8_t kPassphraseFlag = 1;
constexpr std::int64_t kLastSecond = 253402300799;  // of the year 9999

bool labelAllowed(std::string_view label) {
  return label.size() <= SlotHeader::kLabel && base::validUtf8(label) && !base::hasControl(label);
}

base::Error corrupt(const std::string& what) {
  return {base::Code::Corrupt, "a key slot of the database is damaged: " + what,
          base::Reason::DatabaseCorrupt};
}

base::Error unsupported(const std::string& what) {
  return {base::Code::Unsupported,
          "a key slot of the database is of " + what + ", which this version cannot open; use a newer kmsd"};
}

}  // namespace

base::Result<base::Bytes> encodeSlotHeader(const SlotHeader& header) {
  if (!labelAllowed(header.label))
    return base::Error{
        base::Code::Invalid,
        "a label is at most 24 bytes of UTF-8 without control characters; choose a shorter one"};
  if (!header.cost.allowed())
    return base::Error{base::Code::Invalid, "scrypt takes N from 2^14 to 2^20, r = 8 and p = 1"};
  if (!header.share.allowed())
    return base::Error{base::Code::Invalid, "of a key's shares at least 2 and at most all are needed"};
  base::ByteWriter out;
  out.raw(base::asBytes(kMagic));
  out.u16(kVersion);
  out.u8(static_cast<std::uint8_t>(header.kind));
  out.u8(header.passphrase ? kPassphraseFlag : 0);
  out.u8(header.cost.logN);
  out.u8(header.cost.r);
  out.u8(header.cost.p);
  out.u8(header.share.index);
  out.u8(header.share.threshold);
  out.u8(header.share.total);
  out.raw(header.server.bytes());
  out.raw(header.medium.bytes());
  out.raw(header.salt);
  out.u64(static_cast<std::uint64_t>(header.created.time_since_epoch().count()));
  out.u32(header.rootGeneration);
  out.u32(static_cast<std::uint32_t>(header.label.size()));
  out.raw(base::asBytes(header.label));
  base::Bytes bytes = std::move(out).take();
  bytes.resize(SlotHeader::kSize);
  return bytes;
}

base::Result<SlotHeader> parseSlotHeader(base::BytesView bytes) {
  base::ByteReader in(bytes);
  if (base::asText(in.raw(kMagic.size())) != kMagic) return corrupt("it does not begin with its mark");
  const std::uint16_t version = in.u16();
  if (!in.ok()) return corrupt("it is too short");
  if (version != kVersion) return unsupported("format " + std::to_string(version));
  if (bytes.size() != SlotHeader::kSize) return corrupt("it is not of its size");

  SlotHeader header;
  const std::uint8_t kind = in.u8();
  const std::uint8_t flags = in.u8();
  header.cost = {in.u8(), in.u8(), in.u8()};
  header.share = {in.u8(), in.u8(), in.u8()};
  if (kind != static_cast<std::uint8_t>(SlotKind::Medium)) return unsupported("kind " + std::to_string(kind));
  if ((flags & ~kPassphraseFlag) != 0) return unsupported("flags " + std::to_string(flags));
  if (header.share.index != 0) return unsupported("a share of its own");
  if (!header.share.allowed()) return corrupt("its shares are out of bounds");
  header.passphrase = (flags & kPassphraseFlag) != 0;
  if (!header.cost.allowed()) return corrupt("its scrypt parameters are out of bounds");

  // fromBytes gives nothing only for another size, and raw() gave this one.
  header.server = base::Uuid::fromBytes(in.raw(base::Uuid::kSize)).value_or(base::Uuid());
  header.medium = base::Uuid::fromBytes(in.raw(base::Uuid::kSize)).value_or(base::Uuid());
  const base::BytesView salt = in.raw(header.salt.size());
  std::copy(salt.begin(), salt.end(), header.salt.begin());
  const std::uint64_t created = in.u64();
  header.rootGeneration = in.u32();
  header.label = in.text(SlotHeader::kLabel);
  if (!in.ok() || created > std::uint64_t{kLastSecond} || !labelAllowed(header.label))
    return corrupt("a field is out of bounds");
  if (std::any_of(in.rest().begin(), in.rest().end(), [](std::byte b) { return b != std::byte{}; }))
    return corrupt("its padding is not zero");
  header.created = base::Time(std::chrono::seconds(static_cast<std::int64_t>(created)));
  return header;
}

}  // namespace kms
