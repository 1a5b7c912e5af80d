// The host's own udevadm with its stock rules and ours, on devices that umockdev makes up.
#pragma once

#include <string>
#include <vector>

namespace tests {

// What udev would make of a device.
struct Outcome {
  std::string log;                 // all that udevadm said
  std::string group;               // of the node, by number; the last one that a rule gave
  std::string mode;                // likewise
  std::vector<std::string> wants;  // SYSTEMD_WANTS
  std::vector<std::string> links;  // DEVLINKS
  std::vector<std::string> tags;   // TAGS
  bool hidden = false;             // UDISKS_IGNORE=1
};

inline const std::string kKmsGroup = "990";  // in the box that udevadm runs in

// Why udevadm cannot be run in a box here; empty: it can.
std::string noBox();

// `devices` is a description of umockdev's; udevadm tests the devices at `paths` (below /sys) one after the
// other, and the outcome is the last one's. Nothing outside of a private mount namespace changes.
Outcome udevTest(const std::string& devices, const std::vector<std::string>& paths,
                 const std::string& action = "add");

// A USB device at port 1-1 with an interface for each of these class codes ("080650").
std::string usbDevice(const std::vector<std::string>& interfaces);
inline const std::string kUsbPath = "/devices/pci0000:00/0000:00:04.0/usb1/1-1";

// The disk sdq of the device above, with what blkid would find on it ("ID_FS_LABEL=KMSKEY", ...).
std::string usbDisk(const std::vector<std::string>& found);
inline const std::string kDiskPath = kUsbPath + "/1-1:1.0/host2/target2:0:0/2:0:0:0/block/sdq";
// Its first partition.
std::string usbPartition(const std::vector<std::string>& found);
inline const std::string kPartitionPath = kDiskPath + "/sdq1";

}  // namespace tests
