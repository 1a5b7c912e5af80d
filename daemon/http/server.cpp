#include "daemon/http/server.h"

#include <sys/resource.h>

#include <atomic>
#include <thread>
#include <vector>

#include "daemon/http/core.h"
#include "daemon/http/door.h"
#include "daemon/http/tcp_socket.h"
#include "daemon/http/unix_socket.h"

namespace kmsd::http {
namespace {

// A connection takes a descriptor. That the soft limit is low is for programs that use select(), which this
// is not.
void raiseFileLimit() noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

class Server::Impl {
 public:
  Impl(const ServerOptions& options, Handler handler)
      : core_(std::make_shared<Core>(options, std::move(handler))) {}
  ~Impl() { stop(); }

  base::Result<void> listenUnix(const std::filesystem::path& path) {
    auto listener = UnixListener::open(path);
    if (!listener) return std::move(listener).error();
    add(std::make_unique<UnixListener>(*std::move(listener)), Transport::Unix);
    return {};
  }

  base::Result<std::uint16_t> listenTcp(const std::string& host, std::uint16_t port, Transport transport) {
    if (transport == Transport::Unix || (transport == Transport::Https && !core_->tls()))
      return base::Error{base::Code::Internal,
                         "a TCP port serves http, or https with its certificate loaded"};
    auto listeners = http::listenTcp(host, port);
    if (!listeners) return std::move(listeners).error();
    for (auto& listener : listeners->sockets) add(std::move(listener), transport);
    return listeners->port;
  }

  void setTls(std::shared_ptr<const TlsContext> context) { core_->setTls(std::move(context)); }

  std::shared_ptr<const TlsContext> tls() const { return core_->tls(); }
  std::size_t connections(Transport transport) const { return core_->connections(transport); }

  void start() {
    if (!threads_.empty()) return;
    raiseFileLimit();
    for (const auto& door : doors_) door->open();
    for (const auto& loop : core_->loops) threads_.emplace_back([at = loop.get()] { at->run(); });
  }

  void ask(const std::function<void()>& answer) {
    const auto left = std::make_shared<std::atomic<std::size_t>>(core_->loops.size());
    for (const auto& loop : core_->loops)
      loop->post([left, answer] {
        if (left->fetch_sub(1) == 1) answer();
      });
  }

  void stop() {
    if (!threads_.empty()) {
      // By the thread that accepts; or a descriptor would go under its hands.
      for (const auto& door : doors_) front().post([door] { door->shut(); });
      core_->finish();
      core_->waitUntilEmpty(base::Deadline::in(core_->options.stopTimeout));
    }
    for (const auto& loop : core_->loops) loop->stop();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
    for (const auto& door : doors_) door->shut();  // where the threads ended before they came to it
    doors_.clear();
  }

 private:
  Loop& front() { return *core_->loops.front(); }  // the one that accepts

  void add(std::unique_ptr<Listener> listener, Transport transport) {
    doors_.push_back(makeDoor(*core_, front(), std::move(listener), transport));
    if (!threads_.empty()) front().post([door = doors_.back()] { door->open(); });
  }

  std::shared_ptr<Core> core_;
  std::vector<std::shared_ptr<Door>> doors_;
  std::vector<std::thread> threads_;
};

Server::Server(ServerOptions options, Handler handler)
    : impl_(std::make_unique<Impl>(options, std::move(handler))) {}
Server::~Server() = default;

base::Result<void> Server::listenUnix(const std::filesystem::path& path) { return impl_->listenUnix(path); }
base::Result<std::uint16_t> Server::listenTcp(const std::string& host, std::uint16_t port,
                                              Transport transport) {
  return impl_->listenTcp(host, port, transport);
}
void Server::setTls(std::shared_ptr<const TlsContext> context) { impl_->setTls(std::move(context)); }
std::shared_ptr<const TlsContext> Server::tls() const { return impl_->tls(); }
std::size_t Server::connections(Transport transport) const { return impl_->connections(transport); }
void Server::start() { impl_->start(); }
void Server::ask(std::function<void()> answer) { impl_->ask(answer); }
void Server::stop() { impl_->stop(); }

}  // namespace kmsd::http
