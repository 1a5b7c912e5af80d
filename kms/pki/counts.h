// What is counted of certificates, for metrics: since the start, and no names. Safe to use from several
// threads.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "kms/pki/crl.h"
#include "kms/pki/ocsp.h"
#include "kms/pki/profile.h"

namespace kms::pki {

// How often each of a small set of things came.
template <class Kind, std::size_t N>
class Tally {
 public:
  void add(Kind kind) noexcept {
    if (const auto at = static_cast<std::size_t>(kind); at < N)
      counts_[at].fetch_add(1, std::memory_order_relaxed);
  }
  std::uint64_t of(Kind kind) const noexcept {
    const auto at = static_cast<std::size_t>(kind);
    return at < N ? counts_[at].load(std::memory_order_relaxed) : 0;
  }

 private:
  std::array<std::atomic<std::uint64_t>, N> counts_{};
};

struct CertificateCounts {
  Tally<Profile, 8> issued;               // after the disk has them; without the authority's own signers
  Tally<RevocationReason, 10> ended;      // revoked and held, by the reason; RemoveFromCrl: released
  std::atomic<std::uint64_t> refused{0};  // one-time tokens that were wrong, used or ended
};

struct OcspCounts {
  Tally<OcspState, 3> answers;  // by the first certificate that was asked about
  Tally<OcspRefusal, 8> refusals;
};

}  // namespace kms::pki
