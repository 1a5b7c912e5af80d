// The answer to reset, as far as it tells what lengths a card understands. Pure. Source: ISO/IEC 7816-3, 8.2;
// ISO/IEC 7816-4, 8.1.1 (historical bytes) and 12.1.2.2 (card capabilities).
#pragma once

#include "hal/base/bytes.h"

namespace drivers::smartcard {

struct CardCapabilities {
  bool chaining = false;
  bool extended = false;
};

// Empty where the ATR is cut short.
base::BytesView historicalBytes(base::BytesView atr) noexcept;
// From the compact TLV object 7 of historical bytes; nothing claimed where there is none.
CardCapabilities cardCapabilities(base::BytesView historical) noexcept;

}  // namespace drivers::smartcard
