#include "drivers/usb/in_use.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>

#include "hal/base/file.h"
#include "hal/base/utf8.h"

namespace drivers::usb {
namespace {

constexpr std::size_t kMaxTable = 4 * 1024 * 1024;  // bytes of mountinfo or swaps
constexpr std::size_t kMaxShown = 200;              // bytes of a mount point in a message

// Takes the next piece of `text` up to `end`, and that character.
std::string_view take(std::string_view& text, char end) {
  const std::size_t at = std::min(text.find(end), text.size());
  const std::string_view piece = text.substr(0, at);
  text.remove_prefix(std::min(at + 1, text.size()));
  return piece;
}

// Both tables write blanks, line ends and backslashes as a backslash and three octal digits.
std::string unescaped(std::string_view text) {
  std::string out;
  const auto octal = [&](std::size_t at) { return text[at] >= '0' && text[at] <= '7'; };
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() && octal(i + 1) && octal(i + 2) && octal(i + 3)) {
      const int value = (text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0');
      out.push_back(static_cast<char>(value));
      i += 3;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

bool names(const BlockNode& node, std::string_view path) {
  return path == "/dev/" + node.name || (!node.mapped.empty() && path == "/dev/mapper/" + node.mapped);
}

std::string shown(std::string text) {
  if (text.size() > kMaxShown) text = text.substr(0, kMaxShown) + "...";
  return base::validUtf8(text) && !base::hasControl(text) ? text : "a place whose name cannot be shown";
}

base::Error inUse(const std::string& name, const Use& use) {
  const std::string how =
      use.mountPoint.empty() ? " is used as swap" : " is mounted at " + shown(use.mountPoint);
  return {base::Code::Unavailable,
          name + " is in use: " + use.device + how + "; " +
              (use.mountPoint.empty() ? "turn that swap off" : "unmount it") + " and try again",
          base::Reason::MediumBusy};
}

base::Error notPermitted(const std::string& name, const std::string& node) {
  return {
      base::Code::Denied,
      name + " is left alone, as " + node +
          " may not be opened to see whether it is in use; install keydisk's udev rules, which give it to "
          "the group kms, and allow it with DeviceAllow=block-8 r where a service is limited in its devices",
      base::Reason::MediumNotPermitted};
}

}  // namespace

// Source: proc(5): 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
std::optional<Use> mountedUse(std::string_view mountinfo, const std::vector<BlockNode>& nodes) {
  while (!mountinfo.empty()) {
    std::string_view line = take(mountinfo, '\n');
    take(line, ' ');
    take(line, ' ');
    const std::string_view number = take(line, ' ');
    take(line, ' ');
    const std::string_view point = take(line, ' ');
    const std::size_t dash = line.find(" - ");
    std::string_view rest = dash == line.npos ? std::string_view() : line.substr(dash + 3);
    take(rest, ' ');
    const std::string source = unescaped(take(rest, ' '));
    for (const BlockNode& node : nodes) {
      if ((!node.number.empty() && number == node.number) || names(node, source))
        return Use{"/dev/" + node.name, unescaped(point)};
    }
  }
  return std::nullopt;
}

// Source: proc(5): a line of headings, then "/dev/sda2  partition  8385532  0  -2".
std::optional<Use> swapUse(std::string_view swaps, const std::vector<BlockNode>& nodes) {
  take(swaps, '\n');
  while (!swaps.empty()) {
    std::string_view line = take(swaps, '\n');
    const std::string path = unescaped(line.substr(0, line.find_first_of(" \t")));
    for (const BlockNode& node : nodes) {
      if (names(node, path)) return Use{"/dev/" + node.name, {}};
    }
  }
  return std::nullopt;
}

base::Result<DiskHold> DiskHold::take(const Host& host, const std::vector<KernelUnit>& units,
                                      const std::string& name) {
  DiskHold hold;
  if (units.empty()) return hold;
  // Held first: what is mounted after the tables were read is refused by the kernel.
  bool held = true;
  std::string unseen;  // a node that may not be opened: whether it is in use cannot be told
  for (const KernelUnit& unit : units) {
    const std::string node = (host.dev / unit.disk).string();
    base::Fd disk(::open(node.c_str(), O_RDONLY | O_EXCL | O_NONBLOCK | O_CLOEXEC));
    if (!disk && errno == EBUSY) held = false;
    if (!disk && (errno == EACCES || errno == EPERM)) unseen = node;
    // No node, as in some containers, or an empty drive: the tables alone decide.
    if (disk) hold.disks_.push_back(std::move(disk));
  }
  const auto mounts = base::readSmallFile(host.proc / "self/mountinfo", kMaxTable);
  if (!mounts) return mounts.error();
  // A kernel without swap has no such file.
  const auto swaps = base::readSmallFile(host.proc / "swaps", kMaxTable);
  if (!swaps && swaps.error().code != base::Code::NotFound) return swaps.error();
  for (const KernelUnit& unit : units) {
    if (const auto use = mountedUse(*mounts, unit.nodes)) return inUse(name, *use);
    if (const auto use = swaps ? swapUse(*swaps, unit.nodes) : std::nullopt) return inUse(name, *use);
  }
  if (!held) {
    return base::Error{base::Code::Unavailable,
                       name + " is in use by another program (/dev/" + units.front().disk +
                           "); unmount it or end that program, then try again",
                       base::Reason::MediumBusy};
  }
  if (!unseen.empty()) return notPermitted(name, unseen);
  return hold;
}

}  // namespace drivers::usb
