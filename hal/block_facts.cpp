#include "hal/block_facts.h"

#include <sys/sysmacros.h>

#include <charconv>
#include <string_view>

#include "hal/base/file.h"

namespace hal {
namespace {

constexpr std::size_t kMaxValue = 64;  // bytes of one sysfs number
constexpr std::uint64_t kSector = 512;
constexpr std::uint64_t kMostSectors = UINT64_MAX / kSector;

// A decimal number and a line end.
base::Result<std::uint64_t> number(const std::string& path) {
  const auto file = base::readSmallFile(path, kMaxValue);
  if (!file) return file.error();
  const std::string_view text = *file;
  std::uint64_t value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string_view rest = text.substr(static_cast<std::size_t>(end - text.data()));
  if (failed != std::errc() || (rest != "\n" && !rest.empty())) {
    return base::Error{base::Code::Io, path + " does not hold a number"};
  }
  return value;
}

}  // namespace

base::Result<BlockFacts> blockFacts(dev_t device) {
  const std::string name = std::to_string(major(device)) + ":" + std::to_string(minor(device));
  const std::string folder = "/sys/dev/block/" + name;
  auto sectors = number(folder + "/size");
  if (!sectors) return std::move(sectors).error();
  if (*sectors > kMostSectors) return base::Error{base::Code::Io, folder + "/size cannot be true"};
  auto readOnly = number(folder + "/ro");
  if (!readOnly) return std::move(readOnly).error();
  // A partition has none of its own; kernels before 5.15 have none at all, and then the size must do.
  auto sequence = number(folder + "/diskseq");
  if (!sequence) sequence = number(folder + "/../diskseq");
  BlockFacts facts;
  facts.size = *sectors * kSector;
  facts.writeProtected = *readOnly != 0;
  facts.stamp = name + "/" + std::to_string(facts.size) + "/" + (sequence ? std::to_string(*sequence) : "-");
  return facts;
}

}  // namespace hal
