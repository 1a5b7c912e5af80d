// Shamir's secret sharing over GF(2^8) with the polynomial 0x11D, byte by byte: any `threshold` shares give
// the secret, fewer say nothing of it. The same as Debian's libgfshare. Its time depends on sizes, thresholds
// and numbers, never on a secret. Source: A. Shamir, "How to share a secret", CACM 22 (1979).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "hal/base/rng.h"
#include "hal/base/secret_buffer.h"

namespace base {

inline constexpr unsigned kMaxShareNumber = 255;

// A share, seen. `number` is the point where the polynomials were evaluated: 1 to 255; 0 is the secret's.
struct SharePoint {
  std::uint8_t number = 0;
  BytesView value;
};

// The shares 1 to `total`, each as long as the secret. Errors: Invalid (a threshold below 2 or above the
// total, more than 255, an empty secret); Unavailable (no locked memory).
Result<std::vector<SecretBuffer>> splitSecret(BytesView secret, unsigned threshold, unsigned total, Rng& rng);

// What stands at `at` on the polynomials through all these points: at 0 the secret, where they are at least
// the threshold and all of one split; elsewhere the share of that number. Nothing tells whether they are.
// Errors: Invalid (no point, a number twice, a number 0, lengths that differ); Unavailable.
Result<SecretBuffer> joinShares(std::span<const SharePoint> points, std::uint8_t at = 0);

}  // namespace base
