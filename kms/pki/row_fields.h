// Fields of rows: numbers with a sign, and times in seconds since 1970.
#pragma once

#include "hal/base/bytes.h"
#include "hal/base/clock.h"

namespace kms::pki {

inline void putNumber(base::ByteWriter& out, std::int64_t v) { out.u64(static_cast<std::uint64_t>(v)); }
inline void putTime(base::ByteWriter& out, base::Time t) { putNumber(out, t.time_since_epoch().count()); }

inline std::int64_t takeNumber(base::ByteReader& in) { return static_cast<std::int64_t>(in.u64()); }
// Bounded, so that sums of it with any span of ours stay in range.
inline base::Time takeTime(base::ByteReader& in) {
  return base::Time(std::chrono::seconds(static_cast<std::int64_t>(in.u64() & 0xFFFFFFFFFFU)));
}

}  // namespace kms::pki
