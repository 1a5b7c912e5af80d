// LoopDevice: a loop device of its own number, so that it can be emptied and filled again; gone with the
// object.
#pragma once

#include <string>

namespace tests {

class LoopDevice {
 public:
  LoopDevice();
  ~LoopDevice();
  LoopDevice(const LoopDevice&) = delete;
  LoopDevice& operator=(const LoopDevice&) = delete;

  // Why there is none; empty where there is one.
  const std::string& unable() const noexcept { return unable_; }
  std::string path() const { return "/dev/loop" + std::to_string(number_); }
  bool attach(const std::string& image, bool readOnly = false);
  void detach();

 private:
  std::string unable_;
  int number_ = -1;
  bool attached_ = false;
};

}  // namespace tests
