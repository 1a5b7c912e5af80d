// What the tests of the reader client share: its options, what it told, and its children.
#pragma once

#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <string>
#include <vector>

#include "daemon/reader_client.h"

namespace tests {

using Milliseconds = std::chrono::milliseconds;

inline constexpr const char* kProgram = KEYDISK_BINARY_DIR "/kmsd-media";
inline constexpr std::chrono::seconds kSoon{30};

// What the client told, with a wait for what is expected.
class Heard {
 public:
  kmsd::ReaderClient::Events events() {
    kmsd::ReaderClient::Events events;
    events.slotsChanged = [this](std::vector<hal::Slot> slots) {
      const std::lock_guard lock(mutex_);
      ++lists;
      last = std::move(slots);
      changed_.notify_all();
    };
    events.restarted = [this](std::string why) {
      const std::lock_guard lock(mutex_);
      losses.push_back(std::move(why));
      changed_.notify_all();
    };
    return events;
  }
  template <class Predicate>
  bool await(Predicate predicate, Milliseconds most = kSoon) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, most, predicate);
  }
  bool awaitPresent(bool present) {
    return await([&] { return !last.empty() && last[0].present == present; });
  }

  int lists = 0;
  std::vector<hal::Slot> last;
  std::vector<std::string> losses;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
};

inline kmsd::ReaderOptions options(std::string program, std::vector<std::string> uris = {},
                                   bool writable = false) {
  kmsd::ReaderOptions options;
  options.program = std::move(program);
  options.uris = std::move(uris);
  options.writable = writable;
  options.readTimeout = Milliseconds(5000);
  options.restartDelay = Milliseconds(20);
  return options;
}

// Our own children, by name: the ones this test may hit.
inline std::vector<pid_t> children(const std::string& name) {
  std::vector<pid_t> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string pid = entry.path().filename();
    if (pid.find_first_not_of("0123456789") != std::string::npos) continue;
    std::ifstream file(entry.path() / "stat");
    std::string line;
    std::getline(file, line);
    const auto open = line.find('(');
    const auto close = line.rfind(')');
    if (open == std::string::npos || close == std::string::npos) continue;
    int parent = 0;
    char state = 0;
    if (std::sscanf(line.c_str() + close + 1, " %c %d", &state, &parent) != 2) continue;
    if (parent == ::getpid() && state != 'Z' && line.substr(open + 1, close - open - 1) == name)
      found.push_back(std::stoi(pid));
  }
  return found;
}

}  // namespace tests
