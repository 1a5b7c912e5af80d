// A key file for a medium that has little room: the same lines without what is there for the eye.
#pragma once

#include "hal/base/result.h"
#include "hal/base/secret_buffer.h"

namespace hal {

// `text` without its comments and empty lines (a key disk's padding is a comment). Two texts that pack to the
// same are the same key file. Errors: Unavailable (no locked memory).
base::Result<base::SecretBuffer> packKeyFile(base::BytesView text);

}  // namespace hal
