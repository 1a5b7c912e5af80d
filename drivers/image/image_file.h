// Opens an image that is there, and makes one that is not.
#pragma once

#include <memory>
#include <string>

#include "drivers/image/look.h"
#include "hal/driver.h"

namespace drivers::image {

// The image at `path`, which must still be what `look` saw. It is opened without waiting (a FIFO cannot hang
// it); in a directory no symbolic link is followed. Errors: NotFound; Denied / MediumNotPermitted,
// MediumReadOnly; Unavailable / MediumBusy (locked, or changed since the look).
base::Result<std::unique_ptr<hal::Medium>> openImage(const hal::MediumId& id, const Look& look,
                                                     bool inDirectory, hal::Access access, base::Deadline by);

// A medium with nothing in it; its writeKeyFile makes a 1.44 MB image, mode 0600, which appears whole or not
// at all. Errors of that: Conflict where a file has come meanwhile; NotFound or Denied for the directory.
std::unique_ptr<hal::Medium> newImage(const hal::MediumId& id);

}  // namespace drivers::image
