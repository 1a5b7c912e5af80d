// What kmsd is told where a driver that was loaded takes the process down, or never comes back.
#pragma once

#include <signal.h>

#include <array>
#include <chrono>
#include <exception>
#include <string>

#include "hal/base/result.h"

namespace kmsd::media {

// As long as it lives, a crash of this thread, abort() and the end of kPatience answer Open with Refused and
// `driver` in it, and end the process. One at a time.
class CrashNote {
 public:
  static constexpr std::chrono::seconds kPatience{8};  // kmsd waits for ten

  // `asked`: Open was read from `socket` already. Errors: those of the system.
  static base::Result<CrashNote> set(int socket, bool asked, const std::string& driver);
  CrashNote(CrashNote&& other) noexcept;
  CrashNote& operator=(CrashNote&&) = delete;
  ~CrashNote();

 private:
  CrashNote() = default;
  static constexpr std::array kSignals = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGALRM};
  std::array<struct sigaction, kSignals.size()> before_{};
  std::terminate_handler terminate_ = nullptr;
  bool set_ = false;
};

}  // namespace kmsd::media
