#include "daemon/stop_flag.h"

namespace kmsd {
namespace {

std::atomic<bool> came{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler sets it");

void take(int) { came = true; }

}  // namespace

StopFlag::StopFlag() {
  came = false;
  struct sigaction action {};
  action.sa_handler = take;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  ::sigemptyset(&action.sa_mask);
  ::sigaction(SIGINT, &action, &int_);
  ::sigaction(SIGTERM, &action, &term_);
}

StopFlag::~StopFlag() {
  ::sigaction(SIGINT, &int_, nullptr);
  ::sigaction(SIGTERM, &term_, nullptr);
}

const std::atomic<bool>& StopFlag::raised() noexcept { return came; }

}  // namespace kmsd
