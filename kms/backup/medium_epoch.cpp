#include "kms/backup/medium_epoch.h"

#include <algorithm>
#include <string_view>

namespace kms::backup {
namespace {

constexpr std::string_view kMark = "KMSEPOCH";
constexpr std::uint16_t kFormat = 1;
constexpr std::size_t kUsed = 144;  // bytes of a record; zeros behind it

bool zeros(base::BytesView bytes) {
  return std::ranges::all_of(bytes, [](std::byte b) { return b == std::byte{0}; });
}

base::Error damaged() { return {base::Code::Corrupt, "what the server noted on the medium is damaged"}; }

// Among records of the same number, which only a copied sector makes, the later state counts.
bool older(const MediumRecord& a, const MediumRecord& b) {
  return std::pair(a.number, a.epoch) < std::pair(b.number, b.epoch);
}

}  // namespace

base::Bytes signedPart(const MediumRecord& record) {
  base::ByteWriter out;
  out.raw(base::asBytes(kMark));
  out.u16(kFormat);
  out.u16(0);
  out.u32(record.rootGeneration);
  out.raw(record.server.bytes());
  out.raw(record.medium.bytes());
  out.u64(record.number);
  out.u64(record.epoch);
  out.u64(record.audit);
  out.u64(static_cast<std::uint64_t>(record.written.time_since_epoch().count()));
  out.raw(record.salt);
  return std::move(out).take();
}

base::Bytes encodeSector(const MediumRecord& record) {
  base::Bytes sector = signedPart(record);
  sector.insert(sector.end(), record.mac.begin(), record.mac.end());
  sector.resize(kMediumSector);
  return sector;
}

base::Result<std::optional<MediumRecord>> parseSector(base::BytesView sector) {
  if (sector.size() != kMediumSector) return damaged();
  if (zeros(sector)) return std::optional<MediumRecord>();
  base::ByteReader in(sector);
  const auto mark = in.raw(kMark.size());
  const auto format = in.u16();
  const auto spare = in.u16();
  if (base::asText(mark) != kMark || format != kFormat || spare != 0) return damaged();
  MediumRecord record;
  record.rootGeneration = in.u32();
  const auto server = base::Uuid::fromBytes(in.raw(base::Uuid::kSize));
  const auto medium = base::Uuid::fromBytes(in.raw(base::Uuid::kSize));
  if (!server || !medium) return damaged();
  record.server = *server;
  record.medium = *medium;
  record.number = in.u64();
  record.epoch = in.u64();
  record.audit = in.u64();
  const auto written = in.u64();
  std::ranges::copy(in.raw(record.salt.size()), record.salt.begin());
  std::ranges::copy(in.raw(record.mac.size()), record.mac.begin());
  constexpr std::uint64_t kMostTime = 253'402'300'799;  // the year 9999
  if (written > kMostTime || !zeros(sector.subspan(kUsed))) return damaged();
  record.written = base::Time(std::chrono::seconds(static_cast<std::int64_t>(written)));
  return std::optional(record);
}

base::Result<MediumView> viewMedium(base::BytesView sectors, const base::Uuid& server,
                                    std::uint32_t rootGeneration, const MediumMac& mac) {
  if (sectors.size() != kMediumSectors * kMediumSector) return damaged();
  MediumView view;
  std::vector<unsigned> later;
  unsigned newest = 1;  // so that the first record of all goes into the first sector
  for (unsigned i = 0; i < kMediumSectors; ++i) {
    const auto record = parseSector(sectors.subspan(i * kMediumSector, kMediumSector));
    if (!record) view.damaged = true;
    // Of another server, or of a root key that this one has done with: it says nothing of this state.
    if (!record || !*record || (*record)->server != server || (*record)->rootGeneration < rootGeneration)
      continue;
    if ((*record)->rootGeneration > rootGeneration) {
      view.later = true;
      later.push_back(i);
      continue;
    }
    if (!base::equalConstantTime(mac(signedPart(**record)), (*record)->mac)) {
      view.damaged = true;
      continue;
    }
    if (view.newest && older(**record, *view.newest)) continue;
    view.newest = **record;
    newest = i;
  }
  view.next = later.empty() ? std::vector<unsigned>{1 - newest} : std::move(later);
  return view;
}

}  // namespace kms::backup
