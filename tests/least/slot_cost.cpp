// kmsd whose slots cost the least scrypt that the product takes: all else of the program is the product's
// own. What it makes, the product opens in a fraction of the time.
#include "daemon/slot_cost.h"

namespace kmsd {

kms::ScryptCost slotCost() noexcept { return {.logN = kms::ScryptCost::kLogNLeast}; }

}  // namespace kmsd
