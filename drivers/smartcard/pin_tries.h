// How often a wrong PIN may still be given. Asking costs no try.
#pragma once

#include "drivers/smartcard/application.h"

namespace drivers::smartcard {

// Puts the tries into `shown`, none where the card does not tell; takes its PIN away where the card says that
// it needs none. REQUIRES: the application is selected. Errors: as Exchange.
base::Result<void> lookAtTries(Exchange& card, Shown& shown);

// The x of a status word 63Cx.
std::optional<unsigned> triesIn(std::uint16_t sw) noexcept;

}  // namespace drivers::smartcard
