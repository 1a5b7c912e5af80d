// What the listeners and the connections of one Server share. Inside daemon/http only.
#pragma once

#include <array>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

#include "daemon/http/loop.h"
#include "daemon/http/places.h"
#include "daemon/http/server.h"
#include "hal/base/clock.h"
#include "hal/base/fd.h"

namespace kmsd::http {

class Wire;

// Lives until the Server and every Respond still outside are gone, so that a late answer meets no freed
// memory.
class Core : public std::enable_shared_from_this<Core> {
 public:
  Core(const ServerOptions& options, Handler handler);
  ~Core();

  // False where the server is full, for this holder at least, or stops.
  bool enter(const Holder& holder, Transport transport);
  void leave(const Holder& holder, Transport transport) noexcept;
  std::size_t connections(Transport transport) const;
  // Lets nobody in any more and tells every connection to finish.
  void finish();
  // False where some are left at the deadline.
  bool waitUntilEmpty(base::Deadline by);

  std::shared_ptr<const TlsContext> tls() const;
  void setTls(std::shared_ptr<const TlsContext> context);

  // A handshake failed: tells of it, and tells a client that speaks http where it is. Always false.
  bool handshakeFailed(const Wire& wire) const;

  // The loop for the next connection, in turn. For one thread.
  Loop& nextLoop() noexcept { return *loops[next_++ % loops.size()]; }

  const ServerOptions options;
  const Handler handler;

 private:
  void tellAll(void (Connection::*what)());

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Places places_;
  std::size_t inside_ = 0;
  std::array<std::size_t, 3> over_{};  // of these, by transport
  bool finishing_ = false;
  std::shared_ptr<const TlsContext> tls_;
  std::size_t next_ = 0;

 public:
  // Destroyed first: with them go the connections, which leave.
  std::vector<std::unique_ptr<Loop>> loops;
};

// A connection that was let in; it gives its place back.
struct Arrival {
  base::Fd socket;
  Holder holder;
  Transport transport = Transport::Unix;
  std::optional<Peer> peer;
};

// Serves the connection until it ends. On the loop's thread. REQUIRES: core.enter() for it.
void serve(Core& core, Loop& loop, Arrival arrival);

}  // namespace kmsd::http
