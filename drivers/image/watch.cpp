#include "drivers/image/watch.h"

#include <sys/inotify.h>

#include <array>
#include <cstdint>
#include <filesystem>

#include "drivers/image/look.h"

namespace drivers::image {
namespace {

constexpr std::uint32_t kEvents = IN_CREATE | IN_CLOSE_WRITE | IN_MODIFY | IN_ATTRIB | IN_MOVED_TO |
                                  IN_MOVED_FROM | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

}  // namespace

Watch::Watch() : fd_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {}

void Watch::arm(const std::string& target) {
  const std::string directory =
      isDirectory(target) ? target : std::filesystem::path(target).parent_path().string();
  armed_ = fd_ && ::inotify_add_watch(fd_.get(), directory.c_str(), kEvents) >= 0;
}

void Watch::drain() {
  alignas(inotify_event) std::array<std::byte, 4096> events;
  // Bounded: a directory under constant change must not keep us here; what is left wakes the next wait.
  for (int i = 0; i < 64 && ::read(fd_.get(), events.data(), events.size()) > 0; ++i) {
  }
}

}  // namespace drivers::image
