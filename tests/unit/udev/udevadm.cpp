#include "tests/unit/udev/udevadm.h"

#include <unistd.h>

#include <fstream>
#include <sstream>

#include "tests/support/run.h"
#include "tests/support/scratch.h"

namespace tests {
namespace {

// $1: a scratch directory, $2: our rules, $3: the action; then the devices. udevadm writes to /run/udev and
// /dev and reads its rules from one place only, so all of these are the namespace's own.
constexpr const char* kBox = R"(set -e
t=$1 rules=$2 action=$3
shift 3
mkdir "$t/dev" "$t/rules"
touch "$t/dev/null"
mount --bind /dev/null "$t/dev/null"
cp /usr/lib/udev/rules.d/*.rules "$rules" "$t/rules"
{ grep -v '^kms:' /etc/group || :; echo 'kms:x:990:'; } >"$t/group"
mount -t tmpfs run /run
mount --bind "$t/group" /etc/group
mount --bind "$t/rules" /usr/lib/udev/rules.d
mount --rbind "$t/dev" /dev
export t action
umockdev-run -d "$t/devices" -- sh -euc 'for path; do udevadm test -a "$action" "/sys$path" >"$t/said" 2>&1; done' sh "$@"
cat "$t/said"
)";

std::vector<std::string> unshared() {
  if (::geteuid() == 0) return {"unshare", "--mount", "--propagation", "private"};
  return {"unshare", "--mount", "--map-root-user", "--propagation", "private"};
}

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, at);) {
    if (!part.empty()) parts.push_back(part);
  }
  return parts;
}

std::string node(const std::string& path, const std::string& name, const std::string& more) {
  return "P: " + path + "\nN: " + name + "\nE: DEVNAME=/dev/" + name + "\n" + more;
}

std::string properties(const std::vector<std::string>& found) {
  std::string text;
  for (const std::string& property : found) text += "E: " + property + "\n";
  return text + "\n";
}

}  // namespace

std::string noBox() {
  auto command = unshared();
  const Scratch scratch;
  command.insert(command.end(), {"mount", "-t", "tmpfs", "box", scratch.path().string()});
  if (run(command).exit != 0)
    return "no mount namespace can be made here: udevadm would write to /dev and /run";
  if (::access("/usr/bin/udevadm", X_OK) != 0) return "no udevadm; install udev";
  if (::access("/usr/bin/umockdev-run", X_OK) != 0) return "no umockdev-run; install umockdev";
  return {};
}

Outcome udevTest(const std::string& devices, const std::vector<std::string>& paths,
                 const std::string& action) {
  const Scratch scratch;
  std::ofstream(scratch / "devices") << devices;
  auto command = unshared();
  command.insert(command.end(), {"sh", "-c", kBox, "box", scratch.path().string(),
                                 KEYDISK_SOURCE_DIR "/udev/72-keydisk.rules", action});
  command.insert(command.end(), paths.begin(), paths.end());
  const Ran ran = run(command);
  Outcome outcome;
  outcome.log = ran.out + ran.err;
  if (ran.exit != 0) outcome.log += "\nended with " + std::to_string(ran.exit);
  std::istringstream in(ran.out);
  for (std::string line; std::getline(in, line);) {
    const auto after = [&line](const std::string& key) -> std::string {
      const std::size_t at = line.find(key);
      return at == std::string::npos ? std::string() : line.substr(at + key.size());
    };
    if (line.find(".rules:") != std::string::npos) {
      if (auto group = after(" GROUP "); !group.empty()) outcome.group = group;
      if (auto mode = after(" MODE "); !mode.empty()) outcome.mode = mode;
    }
    if (line.starts_with("SYSTEMD_WANTS=")) outcome.wants = split(after("SYSTEMD_WANTS="), ' ');
    if (line.starts_with("DEVLINKS=")) outcome.links = split(after("DEVLINKS="), ' ');
    if (line.starts_with("TAGS=")) outcome.tags = split(after("TAGS="), ':');
    if (line == "UDISKS_IGNORE=1") outcome.hidden = true;
  }
  return outcome;
}

std::string usbDevice(const std::vector<std::string>& interfaces) {
  constexpr char kDigits[] = "0123456789abcdef";
  // A device descriptor, a configuration descriptor, and an interface and an endpoint descriptor each.
  // Source: USB 2.0, 9.6.
  const auto count = interfaces.size();
  const auto total = 9 + (9 + 7) * count;
  const auto hex = [&](std::size_t byte) { return std::string{kDigits[byte / 16 % 16], kDigits[byte % 16]}; };
  std::string descriptors =
      "120100020000004051096616100101020301" + ("0902" + hex(total)) + "00" + hex(count) + "01008032";
  for (std::size_t i = 0; i < count; ++i)
    descriptors += "0904" + hex(i) + "0001" + interfaces[i] + "00" + "07058102000200";
  return "P: /devices/pci0000:00/0000:00:04.0\nE: SUBSYSTEM=pci\nE: DRIVER=xhci_hcd\n\n" +
         node(kUsbPath, "bus/usb/001/002",
              "E: DEVTYPE=usb_device\nE: DRIVER=usb\nE: SUBSYSTEM=usb\nE: MAJOR=189\nE: MINOR=1\n"
              "A: idVendor=0951\\n\nA: idProduct=1666\\n\nA: serial=E0D55EA5\\n\nH: descriptors=" +
                  descriptors + "\n\n");
}

std::string usbDisk(const std::vector<std::string>& found) {
  return usbDevice({"080650"}) + "P: " + kUsbPath +
         "/1-1:1.0\nE: DEVTYPE=usb_interface\nE: SUBSYSTEM=usb\nE: DRIVER=usb-storage\nA: "
         "bInterfaceClass=08\\n\n"
         "A: bInterfaceSubClass=06\\n\nA: bInterfaceProtocol=50\\n\nA: bInterfaceNumber=00\\n\n\n"
         "P: " +
         kUsbPath + "/1-1:1.0/host2\nE: DEVTYPE=scsi_host\nE: SUBSYSTEM=scsi\n\n" + "P: " + kUsbPath +
         "/1-1:1.0/host2/target2:0:0/2:0:0:0\nE: DEVTYPE=scsi_device\nE: SUBSYSTEM=scsi\nE: DRIVER=sd\n"
         "A: vendor=Kingston\\n\nA: model=DataTraveler\\n\nA: rev=1.0\\n\nA: type=0\\n\n\n" +
         node(kDiskPath, "sdq",
              "E: DEVTYPE=disk\nE: SUBSYSTEM=block\nE: MAJOR=8\nE: MINOR=16\nA: removable=1\\n\n") +
         properties(found);
}

std::string usbPartition(const std::vector<std::string>& found) {
  return usbDisk({}) +
         node(kPartitionPath, "sdq1",
              "E: DEVTYPE=partition\nE: SUBSYSTEM=block\nE: MAJOR=8\nE: MINOR=17\nA: partition=1\\n\n") +
         properties(found);
}

}  // namespace tests
