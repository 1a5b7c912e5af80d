// The key file as it stands on a card: packed, at most kMostCardText bytes; and the two lines that tell
// everybody whose key it is. Described in hal/FORMATS.md. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "hal/base/result.h"
#include "hal/base/secret_buffer.h"
#include "hal/base/uuid.h"

namespace drivers::smartcard {

inline constexpr std::size_t kMostCardText = 240;   // bytes written
inline constexpr std::size_t kMostOpenText = 1024;  // bytes looked at

struct Owner {
  base::Uuid server;
  base::Uuid medium;
  bool operator==(const Owner&) const = default;
};

enum class Content : std::uint8_t { Nothing, Key, Other };
// What an object holds: nothing (empty, blanks, zeros, FF), a text with a line pwd= in [config], or something
// else.
Content contentOf(base::BytesView object);

// The text in an object: what stands before the first byte 00 or FF.
base::BytesView textIn(base::BytesView object) noexcept;

// Packed and checked. Errors: Invalid (longer than kMostCardText bytes).
base::Result<base::SecretBuffer> cardText(base::BytesView keyFile);
// Stands in place of an owner's lines; not every card takes an empty object.
inline constexpr std::string_view kNoOwner = "\n";
// The lines "server=<uuid>" and "medium=<uuid>" of a key file; kNoOwner where it has not both.
std::string openLines(base::BytesView keyFile);
std::optional<Owner> ownerIn(base::BytesView openObject);

}  // namespace drivers::smartcard
