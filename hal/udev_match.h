// What a driver asks of udev for its devices: data, from which udev/ makes the rules file.
#pragma once

#include <span>
#include <string_view>

namespace hal {

// KEY=="VALUE" of udev(7), or KEY!="VALUE"; the value is a pattern.
struct UdevTest {
  std::string_view key;    // KERNEL, ENV{ID_FS_LABEL}, ...
  std::string_view value;  // without quotes, as udev reads it
  bool equal = true;
};

// The devices that pass all tests, and what they are given.
struct UdevMatch {
  std::string_view what;  // one line for the rules file: which devices, and why they are given this
  std::string_view subsystem;
  std::span<const UdevTest> tests;

  std::string_view group{};       // owns the node, mode 0660; empty: nothing about the node changes
  std::string_view link{};        // below /dev, may hold udev's $env{KEY} and %n; empty: none
  bool hideFromDesktop = false;   // udisks neither shows nor mounts it
  bool startOnInsertion = false;  // its coming may start the server
};

// Who may open key media; the server runs as a member.
inline constexpr std::string_view kUdevGroup = "kms";

}  // namespace hal
