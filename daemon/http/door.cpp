#include "daemon/http/door.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>

#include "daemon/http/core.h"
#include "daemon/http/unix_socket.h"

namespace kmsd::http {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr std::chrono::milliseconds kAcceptPause{100};  // where descriptors or memory have run out
constexpr int kAtOnce = 64;  // then those that are in have their turn, whatever comes to the door

// Tells one that was not let in to come again; without waiting for it.
void turnAway(int socket, Transport transport) {
  if (transport == Transport::Https)
    return;  // it understands nothing before a handshake, which costs too much
  static constexpr std::string_view kBody =
      "{\"type\":\"about:blank\",\"title\":\"Service Unavailable\",\"status\":503,\"code\":\"unavailable\","
      "\"detail\":\"the server has too many connections; try again\"}";
  static_assert(kBody.size() == 144);
  const std::string text =
      "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\nRetry-After: 5\r\n"
      "Connection: close\r\nContent-Length: 144\r\n\r\n" +
      std::string(kBody);
  // A few bytes fit the empty buffer of a fresh socket, so nobody has to wait for this client. Where it fails
  // there is nobody to tell.
  static_cast<void>(::send(socket, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT));
}

class AsioDoor final : public Door, public std::enable_shared_from_this<AsioDoor> {
 public:
  AsioDoor(Core& core, Loop& loop, std::unique_ptr<Listener> listener, Transport transport)
      : core_(core),
        loop_(loop),
        listener_(std::move(listener)),
        transport_(transport),
        ready_(loop.io(), listener_->fd()),
        pause_(loop.io()) {}

  void open() override { asio::co_spawn(loop_.io(), run(shared_from_this()), asio::detached); }

  void shut() override {
    if (closed_) return;
    closed_ = true;
    ready_.release();  // ends the wait; the descriptor is the listener's to close
    pause_.cancel();
    listener_.reset();
  }

 private:
  asio::awaitable<void> run(std::shared_ptr<AsioDoor> /*self*/) {
    while (!closed_) {
      error_code failed;
      co_await ready_.async_wait(asio::posix::stream_descriptor::wait_read,
                                 asio::redirect_error(asio::use_awaitable, failed));
      if (closed_) break;
      if (acceptSome()) continue;
      pause_.expires_after(kAcceptPause);
      co_await pause_.async_wait(asio::redirect_error(asio::use_awaitable, failed));
    }
  }

  // False where there may be more, but not now.
  bool acceptSome() {
    for (int i = 0; i < kAtOnce;) {
      sockaddr_storage from{};
      socklen_t size = sizeof from;
      base::Fd socket(::accept4(listener_->fd(), reinterpret_cast<sockaddr*>(&from), &size,
                                SOCK_CLOEXEC | SOCK_NONBLOCK));
      if (socket) {
        if (!take(std::move(socket), from)) return false;
        ++i;
      } else if (errno == EAGAIN) {
        return true;
      } else if (errno != EINTR && errno != ECONNABORTED) {
        return false;  // EMFILE, ENFILE, ENOBUFS, ENOMEM: trying at once would only spin
      }
    }
    return true;
  }

  // False where there was no memory for it; it is gone then, and so is its place.
  bool take(base::Fd socket, const sockaddr_storage& from) {
    std::optional<Holder> entered;
    try {
      admit(std::move(socket), from, entered);
      return true;
    } catch (const std::exception&) {
      if (entered) core_.leave(*entered, transport_);
      return false;
    }
  }

  void admit(base::Fd socket, const sockaddr_storage& from, std::optional<Holder>& entered) {
    const auto arrival = std::make_shared<Arrival>();
    arrival->transport = transport_;
    if (transport_ == Transport::Unix) {
      arrival->peer = peerOf(socket.get());
      if (core_.options.shunned && arrival->peer && core_.options.shunned(arrival->peer->pid)) return;
      arrival->holder = holderOf(arrival->peer ? arrival->peer->uid : Peer().uid);
    } else {
      arrival->holder = holderOf(from);
      const int on = 1;
      ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    if (!core_.enter(arrival->holder, transport_)) return turnAway(socket.get(), transport_);
    entered = arrival->holder;
    arrival->socket = std::move(socket);
    Loop& loop = core_.nextLoop();
    if (loop.here()) {
      entered.reset();  // serve() gives the place back
      return serve(core_, loop, std::move(*arrival));
    }
    loop.post([&core = core_, &loop, arrival] { serve(core, loop, std::move(*arrival)); });
  }

  Core& core_;
  Loop& loop_;
  std::unique_ptr<Listener> listener_;
  const Transport transport_;
  asio::posix::stream_descriptor ready_;
  asio::steady_timer pause_;
  bool closed_ = false;
};

}  // namespace

std::shared_ptr<Door> makeDoor(Core& core, Loop& loop, std::unique_ptr<Listener> listener,
                               Transport transport) {
  return std::make_shared<AsioDoor>(core, loop, std::move(listener), transport);
}

}  // namespace kmsd::http
