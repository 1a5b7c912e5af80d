// The system calls that kmsd-media may make, as a seccomp filter.
#pragma once

#include "daemon/media/shield.h"

namespace kmsd::media {

// REQUIRES: no_new_privs is set; one thread. Errors: false with errno.
// Source: seccomp(2), Documentation/userspace-api/seccomp_filter.rst.
bool installFilter(const Rights& rights);

}  // namespace kmsd::media
