// What a process that meets keys does before anything else.
#pragma once

#include "hal/base/result.h"

namespace kmsd {

// No core dumps and no tracing by others of the same user (PR_SET_DUMPABLE), as much locked memory as the
// limits allow, umask 077, SIGPIPE ignored, OpenSSL's secure heap. Errors: Unavailable, where the secure heap
// cannot be locked; Internal.
base::Result<void> harden();

}  // namespace kmsd
