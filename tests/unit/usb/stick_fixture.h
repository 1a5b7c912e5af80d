// A driver over a bus of scripted sticks, and disks for them.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <iterator>

#include "drivers/usb/usb_driver.h"
#include "tests/support/disks.h"
#include "tests/support/run.h"
#include "tests/unit/usb/scripted_stick.h"

namespace tests {

inline const std::string kStickKey = "[config]\r\npwd=O4HMASW9NF6YY4\r\n";

inline std::string bytesOf(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// A diskette image with the key on it, made by mtools.
inline const std::string& keyImage() {
  static const std::string image = [] {
    const Scratch scratch;
    makeDiskette(scratch / "disk.img", kStickKey);
    return bytesOf(scratch / "disk.img");
  }();
  return image;
}

class StickTest : public ::testing::Test {
 protected:
  static base::Deadline soon() { return base::Deadline::in(std::chrono::seconds(10)); }

  std::shared_ptr<ScriptedStick> stick(std::string disk = keyImage()) {
    return std::make_shared<ScriptedStick>(std::move(disk));
  }
  std::shared_ptr<ScriptedStick> plugged(std::string disk = keyImage()) {
    auto made = stick(std::move(disk));
    bus_.plug(made);
    return made;
  }
  std::unique_ptr<usb::UsbDriver> driver(const std::string& target = "") {
    usb::UsbOptions options;
    options.target = *usb::parseTarget(target);
    options.host = bus_.host();
    options.poll = std::chrono::milliseconds(50);
    options.unit.readyPause = std::chrono::milliseconds(1);
    return std::make_unique<usb::UsbDriver>(std::move(options), bus_.port());
  }
  // A driver of everything, for tests that need no other.
  usb::UsbDriver& all() {
    if (!all_) all_ = driver();
    return *all_;
  }
  std::vector<hal::Slot> scan(usb::UsbDriver& driver) {
    auto slots = driver.scan(soon());
    EXPECT_TRUE(slots) << slots.error().what;
    return slots ? *std::move(slots) : std::vector<hal::Slot>();
  }
  std::vector<std::string> names(usb::UsbDriver& driver) {
    std::vector<std::string> out;
    for (const hal::Slot& slot : scan(driver)) out.push_back(slot.id.slot + (slot.present ? "" : " (empty)"));
    return out;
  }
  base::Result<std::unique_ptr<hal::Medium>> open(const std::string& slot,
                                                  hal::Access access = hal::Access::Read,
                                                  base::Deadline by = soon()) {
    hal::NoAsk ask;
    return all().open({"usb", slot}, access, ask, by);
  }
  // The key text; an error is "code/reason: sentence".
  std::string read(const std::string& slot, base::Deadline by = soon()) {
    auto medium = open(slot, hal::Access::Read, by);
    if (!medium) return told(medium.error());
    auto text = (*medium)->readKeyFile(by);
    return text ? std::string(text->text()) : told(text.error());
  }
  static std::string told(const base::Error& error) {
    return std::to_string(int(error.code)) + "/" + std::to_string(int(error.reason)) + ": " + error.what;
  }

  static constexpr const char* kSlot = "0951:1666/E0D55EA5";
  ScriptedBus bus_;

 private:
  std::unique_ptr<usb::UsbDriver> all_;
};

}  // namespace tests
