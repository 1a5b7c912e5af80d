#include "drivers/usb/sysfs.h"

#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

#include "hal/base/file.h"

namespace drivers::usb {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxValue = 1024;    // bytes of one attribute
constexpr std::size_t kMostEntries = 256;  // of one directory
constexpr std::size_t kMostNodes = 512;    // of one unit
constexpr std::uint64_t kSector = 512;     // the kernel counts in these, whatever the disk has

// The first line; empty where there is none.
std::string attribute(const fs::path& path) {
  auto text = base::readSmallFile(path, kMaxValue);
  if (!text) return {};
  return text->substr(0, text->find('\n'));
}

template <class Number>
std::optional<Number> number(std::string_view text) {
  Number value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// The directories (or links to some) below `folder` whose names begin so, sorted.
std::vector<fs::path> folders(const fs::path& folder, std::string_view prefix) {
  std::vector<fs::path> found;
  std::error_code failed;
  for (fs::directory_iterator at(folder, failed), end; !failed && at != end; at.increment(failed)) {
    if (found.size() == kMostEntries) break;
    std::error_code unknown;
    if (at->path().filename().string().starts_with(prefix) && at->is_directory(unknown))
      found.push_back(at->path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

void addNode(const Host& host, const fs::path& folder, std::vector<BlockNode>& nodes);

// What is built upon a node: device mapper, software RAID, and what is built upon those.
void addHolders(const Host& host, const fs::path& folder, std::vector<BlockNode>& nodes) {
  for (const fs::path& holder : folders(folder / "holders", ""))
    addNode(host, host.sys / "class/block" / holder.filename(), nodes);
}

void addNode(const Host& host, const fs::path& folder, std::vector<BlockNode>& nodes) {
  const std::string name = folder.filename().string();
  const bool known = std::any_of(nodes.begin(), nodes.end(), [&](const auto& n) { return n.name == name; });
  if (known || nodes.size() == kMostNodes) return;
  nodes.push_back({name, attribute(folder / "dev"), attribute(folder / "dm/name")});
  addHolders(host, folder, nodes);
}

// The kernel gives the number of a host again at once, but the folder of each in /sys has an inode of its
// own.
std::string instance(const fs::path& adapter) {
  struct stat status {};
  const bool known = ::stat(adapter.c_str(), &status) == 0;
  return adapter.filename().string() + "/" + std::to_string(known ? status.st_ino : 0);
}

KernelUnit unitOf(const Host& host, const fs::path& disk, unsigned lun) {
  KernelUnit unit;
  unit.lun = lun;
  unit.disk = disk.filename().string();
  const auto sectors = number<std::uint64_t>(attribute(disk / "size")).value_or(0);
  unit.size = sectors > UINT64_MAX / kSector ? 0 : sectors * kSector;
  unit.writeProtected = attribute(disk / "ro") == "1";
  unit.sequence = attribute(disk / "diskseq");
  addNode(host, disk, unit.nodes);
  for (const fs::path& part : folders(disk, unit.disk)) addNode(host, part, unit.nodes);
  return unit;
}

}  // namespace

std::string serialNumber(const Host& host, const std::string& port) {
  return attribute(host.sys / "bus/usb/devices" / port / "serial");
}

std::vector<KernelUnit> kernelUnits(const Host& host, const std::string& port, unsigned configuration,
                                    unsigned interface) {
  std::vector<KernelUnit> units;
  const std::string name = port + ":" + std::to_string(configuration) + "." + std::to_string(interface);
  for (const fs::path& adapter : folders(host.sys / "bus/usb/devices" / name, "host")) {
    const std::string binding = instance(adapter);
    for (const fs::path& target : folders(adapter, "target")) {
      for (const fs::path& device : folders(target, "")) {
        const std::string address = device.filename().string();  // host:channel:target:lun
        const auto lun = number<unsigned>(std::string_view(address).substr(address.rfind(':') + 1));
        if (std::count(address.begin(), address.end(), ':') != 3 || !lun) continue;
        for (const fs::path& disk : folders(device / "block", "")) {
          units.push_back(unitOf(host, disk, *lun));
          units.back().adapter = binding;
          units.back().isDisk = attribute(device / "type") == "0";
        }
      }
    }
  }
  std::sort(units.begin(), units.end(), [](const auto& a, const auto& b) { return a.lun < b.lun; });
  return units;
}

}  // namespace drivers::usb
