// What the kernel tells of a USB device and of the disks that its own driver made of it. Nothing is opened
// but small text files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace drivers::usb {

// Where the kernel's trees are; tests make their own.
struct Host {
  std::filesystem::path sys = "/sys";
  std::filesystem::path proc = "/proc";
  std::filesystem::path dev = "/dev";
};

// A disk (or partition, or what is built upon one) of the kernel's.
struct BlockNode {
  std::string name;    // "sdb1"
  std::string number;  // "8:17"
  std::string mapped;  // of the device mapper: its name below /dev/mapper
};

// A logical unit that the kernel's driver has found.
struct KernelUnit {
  unsigned lun = 0;
  std::string adapter;     // "host6/49152": another each time the driver is bound
  std::string disk;        // "sdb"
  bool isDisk = false;     // SCSI type 0, and no CD drive
  std::uint64_t size = 0;  // bytes; 0: nothing is in it
  bool writeProtected = false;
  std::string sequence;          // the kernel's count of media (diskseq); empty before Linux 5.15
  std::vector<BlockNode> nodes;  // the disk, its partitions and all that holds one of them
};

// The serial number that the kernel read when the device was plugged in; empty where it has none.
std::string serialNumber(const Host& host, const std::string& port);

// The units of an interface ("1-4.2", configuration 1, interface 0), by number. None where no kernel driver
// has it, or has not finished looking.
std::vector<KernelUnit> kernelUnits(const Host& host, const std::string& port, unsigned configuration,
                                    unsigned interface);

}  // namespace drivers::usb
