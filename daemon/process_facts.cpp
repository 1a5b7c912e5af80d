#include "daemon/process_facts.h"

#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <iterator>
#include <sstream>

#include "hal/base/file.h"

namespace kmsd {
namespace {

constexpr std::size_t kProcMost = 64 * 1024;  // bytes

double secondsOf(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

// Source: proc(5), /proc/pid/stat: field 22 counts clock ticks since the kernel's boot.
double startTime() {
  const auto stat = base::readSmallFile("/proc/self/stat", kProcMost);
  const auto uptime = base::readSmallFile("/proc/uptime", kProcMost);
  if (!stat || !uptime) return 0;
  // The name of the program, in brackets, may hold blanks.
  const std::size_t close = stat->rfind(')');
  if (close == std::string::npos) return 0;
  std::istringstream fields(stat->substr(close + 1));
  std::string skipped;
  for (int field = 3; field < 22; ++field) fields >> skipped;
  double ticks = 0;
  double up = 0;
  if (!(fields >> ticks) || !(std::istringstream(*uptime) >> up)) return 0;
  const double now =
      std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  return now - up + ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

double residentBytes() {
  const auto statm = base::readSmallFile("/proc/self/statm", kProcMost);
  if (!statm) return 0;
  std::istringstream fields(*statm);
  double size = 0;
  double resident = 0;
  return fields >> size >> resident ? resident * static_cast<double>(::sysconf(_SC_PAGESIZE)) : 0;
}

}  // namespace

ProcessFacts processFacts() {
  ProcessFacts facts;
  facts.residentBytes = residentBytes();
  facts.startTime = startTime();
  std::error_code failed;
  const std::filesystem::directory_iterator files("/proc/self/fd", failed);
  // Without the one that looks.
  if (!failed) facts.openFiles = static_cast<double>(std::distance(begin(files), end(files)) - 1);
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) facts.openFilesMost = static_cast<double>(limit.rlim_cur);
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) == 0)
    facts.cpuSeconds = secondsOf(usage.ru_utime) + secondsOf(usage.ru_stime);
  return facts;
}

}  // namespace kmsd
