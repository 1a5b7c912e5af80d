#include "daemon/http/server.h"

#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <thread>

#include "daemon/http/core.h"
#include "daemon/http/unix_socket.h"

namespace kmsd::http {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr std::chrono::milliseconds kAcceptPause{100};  // where descriptors or memory have run out

// Accepts on one listening socket until it is closed.
class Door : public std::enable_shared_from_this<Door> {
 public:
  Door(Core& core, UnixListener listener)
      : core_(core),
        listener_(std::move(listener)),
        strand_(asio::make_strand(*core.io)),
        ready_(strand_, listener_->fd()),
        pause_(strand_) {}
  void open() { asio::co_spawn(strand_, run(shared_from_this()), asio::detached); }
  void close() {
    asio::post(strand_, [self = shared_from_this()] { self->shut(); });
  }
  // On the strand, or when no thread runs any more. Twice does no harm.
  void shut() {
    if (closed_) return;
    closed_ = true;
    ready_.release();  // ends the wait; the descriptor is the listener's to close
    pause_.cancel();
    listener_.reset();
  }

 private:
  asio::awaitable<void> run(std::shared_ptr<Door> /*self*/) {
    while (!closed_) {
      error_code failed;
      co_await ready_.async_wait(asio::posix::stream_descriptor::wait_read,
                                 asio::redirect_error(asio::use_awaitable, failed));
      if (closed_) break;
      if (acceptAll()) continue;
      pause_.expires_after(kAcceptPause);
      co_await pause_.async_wait(asio::redirect_error(asio::use_awaitable, failed));
    }
  }

  // False where there may be more, but not now.
  bool acceptAll() {
    for (;;) {
      base::Fd socket(::accept4(listener_->fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
      if (socket) {
        serve(core_, std::move(socket));
      } else if (errno == EAGAIN) {
        return true;
      } else if (errno != EINTR && errno != ECONNABORTED) {
        return false;  // EMFILE, ENFILE, ENOBUFS, ENOMEM: trying at once would only spin
      }
    }
  }

  Core& core_;
  std::optional<UnixListener> listener_;
  asio::strand<asio::io_context::executor_type> strand_;
  asio::posix::stream_descriptor ready_;
  asio::steady_timer pause_;
  bool closed_ = false;
};

void work(asio::io_context& io) {
  for (;;) {
    try {
      io.run();
      return;
    } catch (const std::exception&) {
      // Out of locked memory within a connection: that connection is gone, the others go on.
    }
  }
}

}  // namespace

class Server::Impl {
 public:
  Impl(const ServerOptions& options, Handler handler)
      : core_(std::make_shared<Core>(options, std::move(handler))), guard_(core_->io->get_executor()) {}
  ~Impl() { stop(); }

  base::Result<void> listenUnix(const std::filesystem::path& path) {
    auto listener = UnixListener::open(path);
    if (!listener) return std::move(listener).error();
    doors_.push_back(std::make_shared<Door>(*core_, *std::move(listener)));
    if (!threads_.empty()) doors_.back()->open();
    return {};
  }

  void start() {
    if (!threads_.empty()) return;
    for (const auto& door : doors_) door->open();
    const unsigned wanted = core_->options.threads;
    const unsigned count = wanted != 0 ? wanted : std::max(1U, std::thread::hardware_concurrency());
    for (unsigned i = 0; i < count; ++i) threads_.emplace_back([core = core_.get()] { work(*core->io); });
  }

  void stop() {
    for (const auto& door : doors_) door->close();
    if (!threads_.empty()) {
      core_->finish();
      core_->waitUntilEmpty(base::Deadline::in(core_->options.stopTimeout));
    }
    guard_.reset();
    core_->io->stop();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
    for (const auto& door : doors_) door->shut();  // where the threads ended before they came to it
    doors_.clear();
  }

 private:
  std::shared_ptr<Core> core_;
  asio::executor_work_guard<asio::io_context::executor_type> guard_;
  std::vector<std::shared_ptr<Door>> doors_;
  std::vector<std::thread> threads_;
};

Server::Server(ServerOptions options, Handler handler)
    : impl_(std::make_unique<Impl>(options, std::move(handler))) {}
Server::~Server() = default;

base::Result<void> Server::listenUnix(const std::filesystem::path& path) { return impl_->listenUnix(path); }
void Server::start() { impl_->start(); }
void Server::stop() { impl_->stop(); }

}  // namespace kmsd::http
