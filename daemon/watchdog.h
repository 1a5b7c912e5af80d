// Watchdog: gives a sign of life as long as every part of the daemon answers. A part that hangs ends the
// signs, and systemd then restarts the daemon, sealed.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace kmsd {

class Watchdog {
 public:
  // Asked for in turn. `ask` returns at once; the part calls `answer`, from any thread, when it comes to it,
  // at any later time, even after the Watchdog has gone.
  struct Part {
    std::string name;
    std::function<void(std::function<void()> answer)> ask;
  };
  struct Events {
    std::function<void()> alive;                               // all have answered since the last time
    std::function<void(const std::string& name)> silent;       // a part has not; told once
    std::function<void(const std::string& name)> answering{};  // it has, after all
  };

  // Asks every `span`, from now on.
  Watchdog(std::chrono::milliseconds span, std::vector<Part> parts, Events events);
  ~Watchdog();

 private:
  struct Shared;
  void run(const std::stop_token& stop);

  const std::chrono::milliseconds span_;
  const std::vector<Part> parts_;
  const Events events_;
  const std::shared_ptr<Shared> shared_;
  std::jthread thread_;  // last: it uses all of the above
};

}  // namespace kmsd
