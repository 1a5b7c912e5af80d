// A drive of the kernel's: a loop device, with one image or another in it.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/run.h"

namespace tests {

class LoopDrive {
 public:
  LoopDrive() = default;
  ~LoopDrive() { eject(); }
  LoopDrive(const LoopDrive&) = delete;
  LoopDrive& operator=(const LoopDrive&) = delete;

  // Takes out what is in it first. False where this host has no loop device for us.
  bool insert(const std::filesystem::path& image, bool writeProtected = false) {
    eject();
    std::vector<std::string> command = {"losetup"};
    if (writeProtected) command.push_back("--read-only");
    if (device_.empty()) {  // a free one, and no other test's
      command.insert(command.end(), {"--find", "--show"});
    } else {
      command.push_back(device_);
    }
    command.push_back(image.string());
    const Ran ran = run(command);
    inserted_ = ran.exit == 0;
    if (inserted_ && device_.empty()) device_ = ran.out.substr(0, ran.out.find('\n'));
    return inserted_;
  }
  void eject() {
    if (std::exchange(inserted_, false)) run({"losetup", "--detach", device_});
  }
  // REQUIRES: an image was in it.
  const std::string& device() const noexcept { return device_; }
  std::string uri() const { return "floppy:" + device_; }

 private:
  std::string device_;
  bool inserted_ = false;
};

}  // namespace tests
