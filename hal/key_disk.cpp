#include "hal/key_disk.h"

#include "hal/key_disk_survey.h"
#include "hal/key_file.h"

namespace hal {

base::Result<base::SecretBuffer> readKeyDisk(BlockDevice& device, base::Deadline by) {
  auto survey = surveyKeyDisk(device, by);
  if (!survey) return std::move(survey).error();
  if (!survey->file) return std::move(survey->why);
  return survey->volume->readFile(*survey->file, kMaxKeyFile, by);
}

}  // namespace hal
