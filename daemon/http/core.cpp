#include "daemon/http/core.h"

#include <boost/asio/io_context.hpp>
#include <vector>

namespace kmsd::http {

Core::Core(const ServerOptions& wanted, Handler serving)
    : options(wanted),
      handler(std::move(serving)),
      places_(options),
      io(std::make_unique<boost::asio::io_context>()) {}

Core::~Core() = default;

bool Core::enter(Connection& connection, uid_t user) {
  const std::lock_guard lock(mutex_);
  if (finishing_) return false;
  const auto entered = connections_.emplace(&connection, user).first;
  if (places_.take(user)) return true;
  connections_.erase(entered);
  return false;
}

void Core::leave(Connection& connection) noexcept {
  const std::lock_guard lock(mutex_);
  const auto at = connections_.find(&connection);
  if (at == connections_.end()) return;  // was turned away
  places_.give(at->second);
  connections_.erase(at);
  if (connections_.empty()) changed_.notify_all();
}

void Core::finish() {
  std::vector<std::shared_ptr<Connection>> all;
  {
    const std::lock_guard lock(mutex_);
    finishing_ = true;
    for (const auto& [connection, user] : connections_) {
      // One that is being destroyed at this moment has no owner any more, and waits for the mutex to leave.
      if (auto held = connection->weak_from_this().lock()) all.push_back(std::move(held));
    }
  }
  for (const auto& connection : all) connection->finish();
}

bool Core::waitUntilEmpty(base::Deadline by) {
  std::unique_lock lock(mutex_);
  return changed_.wait_until(lock, by.at(), [&] { return connections_.empty(); });
}

}  // namespace kmsd::http
