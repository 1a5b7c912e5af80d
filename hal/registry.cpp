#include "hal/registry.h"

namespace hal {
namespace {

base::Error unknownUri(std::string_view uri, std::span<const DriverEntry> drivers) {
  std::string forms;
  for (const DriverEntry& entry : drivers) {
    if (!forms.empty()) forms += ", ";
    forms += entry.info->forms;
  }
  if (forms.empty()) forms = "none, as this build has no driver";
  return {base::Code::Invalid, "'" + std::string(uri) + "' names no medium; the forms are: " + forms};
}

}  // namespace

base::Result<std::unique_ptr<Driver>> Registry::make(std::string_view uri) const {
  const std::size_t colon = uri.find(':');
  if (colon == std::string_view::npos) return unknownUri(uri, drivers_);
  for (const DriverEntry& entry : drivers_) {
    if (entry.info->scheme == uri.substr(0, colon)) return entry.make(uri.substr(colon + 1));
  }
  return unknownUri(uri, drivers_);
}

}  // namespace hal
