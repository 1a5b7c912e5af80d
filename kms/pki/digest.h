// SHA-256 and SHA-1 of what is in memory.
#pragma once

#include <array>

#include "hal/base/bytes.h"

namespace kms::pki {

std::array<std::byte, 32> sha256(base::BytesView data);
// For key identifiers and OCSP's names of issuers only; it protects nothing.
std::array<std::byte, 20> sha1(base::BytesView data);

}  // namespace kms::pki
