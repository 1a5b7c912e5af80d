// The drivers that this build has (option KEYDISK_DRIVERS). Linked by kmsd-media and by the commands that
// make media.
#pragma once

#include "hal/registry.h"

namespace drivers {

const hal::Registry& builtin();

}  // namespace drivers
