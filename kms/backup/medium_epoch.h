// What a server notes on a medium: which state it has seen (kms/FORMATS.md, section 18). Two sectors, each
// with a record; the older one is written over, so that a torn write leaves the other. Pure functions.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "hal/base/bytes.h"
#include "hal/base/clock.h"
#include "hal/base/result.h"
#include "hal/base/uuid.h"

namespace kms::backup {

inline constexpr std::size_t kMediumSector = 512;  // bytes
inline constexpr unsigned kMediumSectors = 2;

struct MediumRecord {
  std::uint32_t rootGeneration = 0;  // whose key made the MAC
  base::Uuid server;
  base::Uuid medium;
  std::uint64_t number = 0;  // rises with each record of the medium, from 1
  std::uint64_t epoch = 0;   // the newest sealing epoch
  std::uint64_t audit = 0;   // number of the last checkpoint's line
  base::Time written{};
  std::array<std::byte, 32> salt{};  // SHA-256 of that epoch's salt
  std::array<std::byte, 32> mac{};

  bool operator==(const MediumRecord&) const = default;
};

// What the MAC is over.
base::Bytes signedPart(const MediumRecord& record);
// A whole sector.
base::Bytes encodeSector(const MediumRecord& record);
// Nothing where the sector was never written. The MAC is not checked. Errors: Corrupt.
base::Result<std::optional<MediumRecord>> parseSector(base::BytesView sector);

using MediumMac = std::function<std::array<std::byte, 32>(base::BytesView message)>;

// What both sectors say to this server.
struct MediumView {
  std::optional<MediumRecord> newest;  // with a sound MAC
  std::vector<unsigned> next;          // the sectors that the next record belongs into, in this order
  bool later = false;                  // a record names a root key that this server has not had yet
  bool damaged = false;                // a record of this server's with a wrong MAC, or no record at all
};
// Errors: Invalid where these are not two sectors.
base::Result<MediumView> viewMedium(base::BytesView sectors, const base::Uuid& server,
                                    std::uint32_t rootGeneration, const MediumMac& mac);

}  // namespace kms::backup
