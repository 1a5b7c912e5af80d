// The USB driver's devices, for udev. The server talks to the stick itself, below the kernel's block device;
// that one tells whether the stick is in use, and is for the other programs and for floppy:/dev/kms/....
#pragma once

#include "hal/udev_match.h"

namespace drivers::usb {

// SCSI (06), and what older sticks call themselves (02, 05), whatever their transport: a stick that speaks
// UAS has a bulk-only setting too. What the desktop's rules give to whoever
// sits at the screen (a telephone, a camera) is no place for a key: the server gets no right to it. Nor is a
// printer (0701) with a slot for cards, which stays the printing system's.
inline constexpr hal::UdevTest kUdevStorage[] = {
    {"ENV{DEVTYPE}", "usb_device"},
    {"ENV{ID_USB_INTERFACES}", "*:0806??:*|*:0802??:*|*:0805??:*"},
    {"ENV{ID_USB_INTERFACES}", "*:0701??:*", false},
    {"TAG", "uaccess", false},
};

// The kernel's disk of such a device, and its partitions.
inline constexpr hal::UdevTest kUdevDisk[] = {
    {"KERNEL", "sd*"},
    {"SUBSYSTEMS", "usb"},
};

// Made-up devices (loop, device mapper) do not count: whoever makes one need not hold a medium.
inline constexpr hal::UdevTest kUdevVolume[] = {
    {"DEVPATH", "/devices/virtual/*", false},
    {"ENV{ID_FS_TYPE}", "vfat"},
    {"ENV{ID_FS_LABEL}", "KMSKEY"},
};
inline constexpr hal::UdevTest kUdevVolumeByUuid[] = {
    {"DEVPATH", "/devices/virtual/*", false},
    {"ENV{ID_FS_TYPE}", "vfat"},
    {"ENV{ID_FS_LABEL}", "KMSKEY"},
    {"ENV{ID_FS_UUID_ENC}", "?*"},
};
inline constexpr hal::UdevTest kUdevDiskByPath[] = {
    {"DEVPATH", "/devices/virtual/*", false},
    {"ENV{ID_FS_TYPE}", "vfat"},
    {"ENV{ID_FS_LABEL}", "KMSKEY"},
    {"ENV{DEVTYPE}", "disk"},
    {"ENV{ID_PATH}", "?*"},
};
inline constexpr hal::UdevTest kUdevPartitionByPath[] = {
    {"DEVPATH", "/devices/virtual/*", false},
    {"ENV{ID_FS_TYPE}", "vfat"},
    {"ENV{ID_FS_LABEL}", "KMSKEY"},
    {"ENV{DEVTYPE}", "partition"},
    {"ENV{ID_PATH}", "?*"},
};

inline constexpr hal::UdevMatch kUdev[] = {
    {.what = "Sticks and readers for memory cards: the server reads them without the kernel's disk.",
     .subsystem = "usb",
     .tests = kUdevStorage,
     .group = hal::kUdevGroup},
    {.what =
         "The kernel's disk of such a stick: the server holds it while it reads, so that nobody mounts it.",
     .subsystem = "block",
     .tests = kUdevDisk,
     .group = hal::kUdevGroup},
    {.what = "A key medium's volume: no desktop mounts it, and its coming may start the server.",
     .subsystem = "block",
     .tests = kUdevVolume,
     .group = hal::kUdevGroup,
     .hideFromDesktop = true,
     .startOnInsertion = true},
    {.what = "Its name by the volume's serial number, which an exact copy shares.",
     .subsystem = "block",
     .tests = kUdevVolumeByUuid,
     .link = "kms/by-uuid/$env{ID_FS_UUID_ENC}"},
    {.what = "Its name by the place it is plugged into.",
     .subsystem = "block",
     .tests = kUdevDiskByPath,
     .link = "kms/by-path/$env{ID_PATH}"},
    {.what = "The same for a volume in a partition.",
     .subsystem = "block",
     .tests = kUdevPartitionByPath,
     .link = "kms/by-path/$env{ID_PATH}-part%n"},
};

}  // namespace drivers::usb
