// Watch: an inotify watch on the directory in which an image target may change. Where there is none (no
// watches left, no such directory) its descriptor is -1, and the driver polls.
#pragma once

#include <string>

#include "hal/base/fd.h"

namespace drivers::image {

class Watch {
 public:
  Watch();
  // Watches `target` where it is a directory, else the directory that holds it. May be called again and
  // again: the directory may be another one by now.
  void arm(const std::string& target);
  // Readable when something has changed; -1 where nothing is watched.
  int fd() const noexcept { return armed_ ? fd_.get() : -1; }
  // Takes the events that wait; what they say does not matter, the driver looks again.
  void drain();

 private:
  base::Fd fd_;
  bool armed_ = false;
};

}  // namespace drivers::image
