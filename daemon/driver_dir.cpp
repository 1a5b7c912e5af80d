#include "daemon/driver_dir.h"

namespace kmsd {

std::filesystem::path driverDirOf(const Parsed& parsed) {
  const std::string& given = parsed.text(kDriverDirOption.name);
  if (given.empty()) return {};
  std::error_code failed;
  auto full = std::filesystem::absolute(given, failed);
  // Where there is no working directory, kmsd-media refuses what is no full path.
  return failed ? std::filesystem::path(given) : full.lexically_normal();
}

}  // namespace kmsd
