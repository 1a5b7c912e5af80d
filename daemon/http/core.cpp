#include "daemon/http/core.h"

#include <algorithm>
#include <thread>

#include "daemon/http/tls.h"

namespace kmsd::http {
namespace {

constexpr std::size_t kBeside = 4096;  // bytes read at once beyond the largest header

}  // namespace

Core::Core(const ServerOptions& wanted, Handler serving)
    : options(wanted), handler(std::move(serving)), places_(options) {
  const unsigned count = options.threads != 0 ? options.threads : std::thread::hardware_concurrency();
  for (unsigned i = 0; i < std::max(1U, count); ++i)
    loops.push_back(std::make_unique<Loop>(options.headerMost + kBeside));
}

Core::~Core() = default;

bool Core::enter(const Holder& holder) {
  const std::lock_guard lock(mutex_);
  if (finishing_ || !places_.take(holder)) return false;
  ++inside_;
  return true;
}

void Core::leave(const Holder& holder) noexcept {
  const std::lock_guard lock(mutex_);
  places_.give(holder);
  if (--inside_ == 0) changed_.notify_all();
}

void Core::tellAll(void (Connection::*what)()) {
  for (const auto& loop : loops) {
    loop->post(
        [at = loop.get(), what] { at->forEach([what](Connection& connection) { (connection.*what)(); }); });
  }
}

void Core::finish() {
  {
    const std::lock_guard lock(mutex_);
    finishing_ = true;
  }
  tellAll(&Connection::finish);
}

bool Core::waitUntilEmpty(base::Deadline by) {
  std::unique_lock lock(mutex_);
  return changed_.wait_until(lock, by.at(), [&] { return inside_ == 0; });
}

std::shared_ptr<const TlsContext> Core::tls() const {
  const std::lock_guard lock(mutex_);
  return tls_;
}

void Core::setTls(std::shared_ptr<const TlsContext> context) {
  {
    const std::lock_guard lock(mutex_);
    tls_.swap(context);
  }
  // A connection takes the context on its own thread, so one that took the old one is there when it is told.
  tellAll(&Connection::tlsChanged);
}

}  // namespace kmsd::http
