// InterruptWatch: SIGINT and SIGTERM end a command that reads or makes media in good order: kmsd-media gives
// its devices back, the terminal is set back, and one line says what may be half written. The exit code is
// 130.
#pragma once

#include <signal.h>

#include <string>
#include <thread>

#include "daemon/reader_client.h"

namespace kmsd {

class InterruptWatch {
 public:
  // Blocks both signals, and SIGUSR1, which ends the waiting for them: before any thread is there, so that
  // all inherit it. At most one lives.
  InterruptWatch();
  ~InterruptWatch();
  InterruptWatch(const InterruptWatch&) = delete;
  InterruptWatch& operator=(const InterruptWatch&) = delete;

  // A kmsd-media that is ended first. `remove` before it is destroyed; where a signal came meanwhile, it does
  // not return.
  static void add(ReaderClient& reader);
  static void remove(ReaderClient& reader) noexcept;
  // The medium is being written from now on.
  static void writing(const std::string& uri);
  // The server is being changed from now on: what is said instead of that nothing was written. A sentence
  // without its end; empty: what was begun is done.
  static void changing(std::string what);
  // What fails because of the signal is not told: does not return where one came.
  static void yield() noexcept;

 private:
  void run(const std::stop_token& stop) const;
  sigset_t set_{};
  sigset_t before_{};
  std::jthread thread_;
};

}  // namespace kmsd
