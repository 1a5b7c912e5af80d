#include "daemon/credentials.h"

#include <cstdlib>

namespace kmsd {

std::filesystem::path credentialsDirectory() {
  const char* directory = std::getenv("CREDENTIALS_DIRECTORY");
  return directory == nullptr ? std::filesystem::path() : std::filesystem::path(directory);
}

std::filesystem::path credentialFile(const char* name) {
  const auto directory = credentialsDirectory();
  std::error_code none;
  return !directory.empty() && std::filesystem::exists(directory / name, none) ? directory / name
                                                                               : std::filesystem::path();
}

bool isCredential(const std::filesystem::path& path) {
  const auto directory = credentialsDirectory();
  return !directory.empty() && path.parent_path() == directory;
}

}  // namespace kmsd
