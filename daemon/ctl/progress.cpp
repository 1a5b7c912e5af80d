#include "daemon/ctl/progress.h"

#include <cstdio>

namespace kmsd::ctl {
namespace {

constexpr std::chrono::milliseconds kEvery{100};
constexpr std::uint64_t kMillis = 1000;

std::string spanText(std::uint64_t seconds) {
  if (seconds < 60) return std::to_string(seconds) + " s";
  if (seconds < 3600) return std::to_string(seconds / 60) + " min " + std::to_string(seconds % 60) + " s";
  return std::to_string(seconds / 3600) + " h " + std::to_string(seconds % 3600 / 60) + " min";
}

}  // namespace

std::string progressText(std::uint64_t done, std::optional<std::uint64_t> total,
                         std::chrono::milliseconds took, const std::string& unit) {
  const auto millis = static_cast<std::uint64_t>(took.count());
  const std::uint64_t rate = millis == 0 ? 0 : done * kMillis / millis;
  std::string text = std::to_string(done);
  if (total && *total > 0)
    text += "/" + std::to_string(*total) + unit + "   " + std::to_string(done * 100 / *total) + " %";
  text += "   " + std::to_string(rate) + unit + "/s";
  if (total && rate > 0 && done <= *total) text += "   " + spanText((*total - done) / rate) + " left";
  return text;
}

void Progress::at(std::uint64_t done) {
  const auto now = Steady::now();
  if (!show_ || (visible_ && now - drawn_ < kEvery)) return;
  drawn_ = now;
  visible_ = true;
  const std::string line = "\r" + progressText(done, total_, took(), unit_) + "\x1b[K";
  std::fputs(line.c_str(), stderr);
}

void Progress::hide() {
  if (!visible_) return;
  visible_ = false;
  std::fputs("\r\x1b[K", stderr);
}

std::chrono::milliseconds Progress::took() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(Steady::now() - began_);
}

}  // namespace kmsd::ctl
