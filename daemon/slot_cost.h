// What scrypt costs in the slots that kmsd makes.
#pragma once

#include "kms/keys/slot.h"

namespace kmsd {

// A file of its own defines it, so that a program of the tests can be linked with another one; nothing
// changes it while a program runs.
kms::ScryptCost slotCost() noexcept;

}  // namespace kmsd
