// base64 (RFC 4648, section 4) of what is not secret, and PEM blocks (RFC 7468).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hal/base/bytes.h"

namespace kms::pki {

std::string toBase64(base::BytesView bytes);  // one line, padded
// Blanks and line breaks anywhere are skipped; padding must be right, and spare bits zero.
std::optional<base::Bytes> fromBase64(std::string_view text);

// The contents of all blocks with one of these labels, in their order. Nothing where one of them is cut off,
// damaged, or where there are more than `most`.
std::optional<std::vector<base::Bytes>> pemBlocks(std::string_view text,
                                                  std::initializer_list<std::string_view> labels,
                                                  std::size_t most);

}  // namespace kms::pki
