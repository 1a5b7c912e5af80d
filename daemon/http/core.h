// What the listeners and the connections of one Server share. Inside daemon/http only.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "daemon/http/places.h"
#include "daemon/http/server.h"
#include "hal/base/clock.h"
#include "hal/base/fd.h"

namespace boost::asio {
class io_context;
}

namespace kmsd::http {

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  virtual ~Connection() = default;
  // Ends it as soon as the request under way is answered. Any thread.
  virtual void finish() = 0;
};

// Lives until the Server and every Respond still outside are gone, so that a late answer meets no freed
// memory.
class Core : public std::enable_shared_from_this<Core> {
 public:
  Core(const ServerOptions& options, Handler handler);
  ~Core();

  // False where the server is full, for this user at least, or stops.
  bool enter(Connection& connection, uid_t user);
  void leave(Connection& connection) noexcept;
  // Lets nobody in any more and tells every connection to finish.
  void finish();
  // False where some are left at the deadline.
  bool waitUntilEmpty(base::Deadline by);

  const ServerOptions options;
  const Handler handler;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  Places places_;
  std::unordered_map<Connection*, uid_t> connections_;
  bool finishing_ = false;

 public:
  // Destroyed first: with it go the connections, which leave.
  const std::unique_ptr<boost::asio::io_context> io;
};

// Serves the connection until it ends. Turns it away (503) where the server is full.
void serve(Core& core, base::Fd socket);

}  // namespace kmsd::http
