#include "daemon/interrupt.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <iostream>
#include <mutex>
#include <vector>

#include "daemon/cli.h"
#include "daemon/terminal.h"

namespace kmsd {
namespace {

constexpr int kOver = SIGUSR1;  // to the thread that waits for the others: the command is done

struct Under {
  std::mutex mutex;
  std::vector<ReaderClient*> readers;
  std::vector<std::string> written;
  std::string changing;
};
Under& under() {
  static Under all;
  return all;
}
std::atomic<bool> interrupted{false};

// With the lock held for good: nothing else is said or ended.
[[noreturn]] void end(Under& all) {
  for (ReaderClient* reader : all.readers) reader->stop();
  restoreTerminal();
  if (!all.changing.empty()) {
    std::cerr << "kmsd: interrupted; " << all.changing << "\n";
  } else if (all.written.empty()) {
    std::cerr << "kmsd: interrupted; nothing was written\n";
  } else {
    std::cerr << "kmsd: interrupted; what was written may not be whole. Check before you use it:";
    for (const std::string& uri : all.written) std::cerr << "  kmsd medium check " << printable(uri);
    std::cerr << "\n";
  }
  ::_exit(static_cast<int>(Exit::Interrupted));
}

}  // namespace

InterruptWatch::InterruptWatch() {
  ::sigemptyset(&set_);
  for (const int signal : {SIGTERM, SIGINT, kOver}) ::sigaddset(&set_, signal);
  ::pthread_sigmask(SIG_BLOCK, &set_, &before_);
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

InterruptWatch::~InterruptWatch() {
  thread_.request_stop();
  ::pthread_kill(thread_.native_handle(), kOver);
  thread_.join();
  ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

void InterruptWatch::run(const std::stop_token& stop) const {
  while (!stop.stop_requested()) {
    const int signal = ::sigwaitinfo(&set_, nullptr);
    if (signal < 0 || signal == kOver) continue;
    interrupted = true;
    under().mutex.lock();
    end(under());
  }
}

void InterruptWatch::add(ReaderClient& reader) {
  const std::lock_guard lock(under().mutex);
  under().readers.push_back(&reader);
}

void InterruptWatch::remove(ReaderClient& reader) noexcept {
  yield();
  const std::lock_guard lock(under().mutex);
  std::erase(under().readers, &reader);
}

void InterruptWatch::writing(const std::string& uri) {
  const std::lock_guard lock(under().mutex);
  if (std::ranges::find(under().written, uri) == under().written.end()) under().written.push_back(uri);
}

void InterruptWatch::changing(std::string what) {
  const std::lock_guard lock(under().mutex);
  under().changing = std::move(what);
}

void InterruptWatch::yield() noexcept {
  while (interrupted) ::pause();
}

}  // namespace kmsd
