// What a block device holds, as far as a key disk is concerned. Reads only what it needs to tell.
#pragma once

#include "hal/fat_volume.h"

namespace hal {

struct KeyDiskSurvey {
  // The key file, and the volume that holds it.
  std::optional<FatVolume> volume;
  std::optional<FatFile> file;
  // Where there is no key file: the most telling reason (Io, Damaged, Blank, NotFat, Unformatted), and
  // whether all its volumes are FAT without a file.
  base::Error why;
  bool nothing = false;
};

// Looks at the volume without a partition table first, then at the partitions of an MBR or a GPT; the first
// FAT volume that holds a key file wins. Errors: NotFound (pulled), Timeout, Unavailable (no locked memory);
// all else is told by `why`.
base::Result<KeyDiskSurvey> surveyKeyDisk(BlockDevice& device, base::Deadline by);

}  // namespace hal
