// Drivers that do not come with keydisk: shared objects in a directory of root's, loaded before the shield is
// up. Only what root put there gets this far, so they are trusted as keydisk's own drivers are; that they are
// built for this keydisk is checked, and what goes wrong in them is told by their names.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "hal/registry.h"

namespace kmsd::media {

// The drivers that are built in, and the ones from `directory` (empty: none). `socket`: kmsd's, for what a
// driver that crashes has to say. The shared objects stay loaded. REQUIRES: one thread. Errors: Denied or
// Invalid, one sentence that names the file or directory.
base::Result<std::vector<hal::DriverEntry>> loadDrivers(std::span<const hal::DriverEntry> builtin,
                                                        const std::filesystem::path& directory, int socket);

}  // namespace kmsd::media
