#include "drivers/image/driver.h"

#include <filesystem>
#include <system_error>

#include "drivers/image/image_driver.h"
#include "hal/base/utf8.h"

namespace drivers::image {

base::Result<std::unique_ptr<hal::Driver>> make(std::string_view target) {
  constexpr std::string_view kForms = "; write image:FILE or image:DIRECTORY";
  if (target.empty()) return base::Error{base::Code::Invalid, "image: names no file" + std::string(kForms)};
  if (!base::validUtf8(target) || base::hasControl(target)) {
    return base::Error{
        base::Code::Invalid,
        "the path behind image: is not UTF-8 text without control characters" + std::string(kForms)};
  }
  // Absolute, because the process that reads media may stand elsewhere; nothing else is rewritten, because
  // ".." behind a symbolic link means another place.
  std::error_code failed;
  std::string path = std::filesystem::absolute(std::filesystem::path(target), failed).string();
  if (failed) return base::Error{base::Code::Io, "the working directory cannot be told; write a full path"};
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return std::unique_ptr<hal::Driver>(std::make_unique<ImageDriver>(std::move(path)));
}

}  // namespace drivers::image
