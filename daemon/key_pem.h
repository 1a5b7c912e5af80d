// Private keys as PEM (RFC 7468), in locked memory.
#pragma once

#include "hal/base/bytes.h"
#include "hal/base/secret_pool.h"

namespace kmsd {

// "PRIVATE KEY" of a PKCS#8 key. Throws std::bad_alloc where no memory can be locked.
base::SecretText keyPem(base::BytesView pkcs8);

}  // namespace kmsd
