// Progress: a line on the terminal that tells how far a long command is. Without a terminal it says nothing.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace kmsd::ctl {

// "1280/5000   25 %   4100/s   1 s left", or without a total "1280   4100/s"; with the unit " MB"
// "128/500 MB   25 %   41 MB/s   9 s left".
std::string progressText(std::uint64_t done, std::optional<std::uint64_t> total,
                         std::chrono::milliseconds took, const std::string& unit = {});

class Progress {
 public:
  // `show`: stderr is a terminal that it may draw on.
  Progress(bool show, std::optional<std::uint64_t> total, std::string unit = {})
      : show_(show), total_(total), unit_(std::move(unit)) {}
  ~Progress() { hide(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  bool shown() const noexcept { return show_; }
  // Draws ten times a second at most.
  void at(std::uint64_t done);
  // Clears the line, so that others can print.
  void hide();
  std::chrono::milliseconds took() const;

 private:
  using Steady = std::chrono::steady_clock;
  const bool show_;
  const std::optional<std::uint64_t> total_;
  const std::string unit_;
  const Steady::time_point began_ = Steady::now();
  Steady::time_point drawn_{};
  bool visible_ = false;
};

}  // namespace kmsd::ctl
