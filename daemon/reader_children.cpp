#include "daemon/reader_children.h"

#include <algorithm>

namespace kmsd {
namespace {

// The kernel gives a number anew only after it has gone round all others, and a client that is turned away
// for it comes with another number the next time.
constexpr std::chrono::minutes kAfterwards{10};

}  // namespace

base::Result<ReaderChild> ReaderChildren::start(const std::string& program,
                                                const ReaderChild::Rights& rights) {
  const std::lock_guard lock(mutex_);
  for (One& one : all_)
    if (!one.until) one.until = base::Deadline::in(kAfterwards);
  auto child = ReaderChild::start(program, rights);
  if (child) all_.push_back({child->pid(), {}});
  return child;
}

bool ReaderChildren::has(pid_t pid) {
  const std::lock_guard lock(mutex_);
  std::erase_if(all_, [](const One& one) { return one.until && one.until->expired(); });
  return std::ranges::any_of(all_, [&](const One& one) { return one.pid == pid; });
}

}  // namespace kmsd
