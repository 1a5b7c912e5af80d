// Which files kmsd-media may open, by Landlock.
#pragma once

#include "daemon/media/shield.h"

namespace kmsd::media {

// For good: no file is read and no folder listed but in the system's places that drivers need (devices, what
// the kernel and udevd tell of them, libraries) and in `rights.readable`. Unless `rights.writable`: nothing
// is changed but by writing to devices beneath /dev, and to files that `rights.changeable` means. True also
// where the kernel has no Landlock, or a filter around this process does not let it be asked for. Errors:
// false with errno. Source: landlock(7).
bool keepPaths(const Rights& rights);

}  // namespace kmsd::media
