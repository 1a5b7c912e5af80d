// LossyDisk: a real file system whose power can go: what no program had synced is lost then, as the kernel's
// own file system loses it. Needs the right to mount.
#pragma once

#include <string>
#include <vector>

#include "tests/support/scratch.h"

namespace tests {

class LossyDisk {
 public:
  LossyDisk();
  ~LossyDisk();
  LossyDisk(const LossyDisk&) = delete;
  LossyDisk& operator=(const LossyDisk&) = delete;

  // Why there is none; empty where there is one.
  const std::string& unable() const noexcept { return unable_; }
  std::filesystem::path root() const { return scratch_ / "disk"; }

  // For begin(): all that is on it now. REQUIRES: nothing on it is open, here and below.
  void keep();
  // As it was kept.
  void begin();
  // The power goes, and is on again.
  void cut();

 private:
  bool command(const std::vector<std::string>& words);
  bool mount();
  bool unmount();
  std::string file(const char* name) const { return (scratch_ / name).string(); }

  Scratch scratch_;
  std::string unable_;
  bool mounted_ = false;
};

}  // namespace tests
