// base64 (RFC 4648, section 4) of what is not secret, and PEM blocks (RFC 7468).
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hal/base/bytes.h"

namespace kms::pki {

constexpr std::size_t base64Length(std::size_t bytes) noexcept { return (bytes + 2) / 3 * 4; }

// Appends to a std::string, or to a base::SecretText where the bytes are secret; one line, padded. `out`
// grows by base64Length.
template <class Out>
void appendBase64(base::BytesView bytes, Out& out) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t have = std::min<std::size_t>(3, bytes.size() - i);
    unsigned group = 0;
    for (std::size_t j = 0; j < 3; ++j)
      group = group << 8U | (j < have ? std::to_integer<unsigned>(bytes[i + j]) : 0U);
    for (unsigned j = 0; j < 4; ++j) out.push_back(j > have ? '=' : kDigits[group >> (18 - 6 * j) & 63U]);
  }
}
std::string toBase64(base::BytesView bytes);
// Blanks and line breaks anywhere are skipped; padding must be right, and spare bits zero.
std::optional<base::Bytes> fromBase64(std::string_view text);

// The contents of all blocks with one of these labels, in their order. Nothing where one of them is cut off,
// damaged, or where there are more than `most`.
std::optional<std::vector<base::Bytes>> pemBlocks(std::string_view text,
                                                  std::initializer_list<std::string_view> labels,
                                                  std::size_t most);

}  // namespace kms::pki
