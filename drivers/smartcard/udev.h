// The smartcard driver's devices, for udev.
#pragma once

#include "hal/udev_match.h"

namespace drivers::smartcard {

inline constexpr hal::UdevTest kUdevReader[] = {
    {"ENV{DEVTYPE}", "usb_device"},
    {"ENV{ID_USB_INTERFACES}", "*:0b00??:*"},
};

inline constexpr hal::UdevMatch kUdev[] = {
    {.what = "Readers for smartcards (CCID): plugging one in may start the server. They stay pcscd's.",
     .subsystem = "usb",
     .tests = kUdevReader,
     .startOnInsertion = true},
};

}  // namespace drivers::smartcard
