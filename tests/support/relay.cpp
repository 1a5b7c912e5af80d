#include "tests/support/relay.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <list>
#include <mutex>
#include <optional>
#include <thread>

#include "hal/base/fd.h"

namespace tests {
namespace {

// The address of a port of this host, or of a Unix socket.
struct Place {
  sockaddr_storage address{};
  socklen_t size = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&address); }
  base::Fd socket() const { return base::Fd(::socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0)); }
};

Place portPlace(std::uint16_t port) {
  Place place;
  auto& in = reinterpret_cast<sockaddr_in&>(place.address);
  in.sin_family = AF_INET;
  in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  in.sin_port = htons(port);
  place.size = sizeof in;
  return place;
}

Place socketPlace(const std::string& path) {
  Place place;
  auto& un = reinterpret_cast<sockaddr_un&>(place.address);
  un.sun_family = AF_UNIX;
  if (path.size() >= sizeof un.sun_path) std::abort();
  path.copy(un.sun_path, path.size());
  place.size = sizeof un;
  return place;
}

std::size_t lengthIn(const std::string& head) {
  constexpr std::string_view kName = "\r\ncontent-length:";
  for (std::size_t i = 0; i + kName.size() < head.size(); ++i)
    if (::strncasecmp(head.data() + i, kName.data(), kName.size()) == 0)
      return std::strtoul(head.data() + i + kName.size(), nullptr, 10);
  return 0;
}

// A whole message with its Content-Length; nothing where the other side has ended.
std::optional<std::string> read(int from) {
  std::string text;
  std::array<char, 65536> chunk{};
  for (;;) {
    const std::size_t end = text.find("\r\n\r\n");
    if (end != text.npos && text.size() >= end + 4 + lengthIn(text.substr(0, end + 2))) return text;
    const ssize_t got = ::recv(from, chunk.data(), chunk.size(), 0);
    if (got <= 0) return std::nullopt;
    text.append(chunk.data(), static_cast<std::size_t>(got));
  }
}

bool write(int to, std::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = ::send(to, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

}  // namespace

struct Relay::Impl {
  base::Fd door;
  Place to;
  Answered answered;
  std::mutex mutex{};
  std::list<base::Fd> open{};  // sockets of the connections; closed at the end
  std::list<std::jthread> connections{};
  std::jthread acceptor{};

  void carry(int client, int server) {
    for (;;) {
      const auto asked = read(client);
      if (!asked || !write(server, *asked)) break;
      const auto told = read(server);
      if (!told || !answered(asked->substr(0, asked->find("\r\n"))) || !write(client, *told)) break;
    }
    ::shutdown(client, SHUT_RDWR);
    ::shutdown(server, SHUT_RDWR);
  }
  void accept() {
    for (;;) {
      base::Fd client(::accept4(door.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!client) return;
      base::Fd server = to.socket();
      if (::connect(server.get(), to.get(), to.size) != 0) continue;
      const std::lock_guard lock(mutex);
      connections.emplace_back([this, c = client.get(), s = server.get()] { carry(c, s); });
      open.push_back(std::move(client));
      open.push_back(std::move(server));
    }
  }
  void begin(const Place& at) {
    if (::bind(door.get(), at.get(), at.size) != 0 || ::listen(door.get(), SOMAXCONN) != 0) std::abort();
    acceptor = std::jthread([this] { accept(); });
  }
};

std::unique_ptr<Relay> Relay::ofPort(const std::string& to, Answered answered) {
  const auto port =
      static_cast<std::uint16_t>(std::strtoul(to.substr(to.find(':') + 1).c_str(), nullptr, 10));
  auto impl = std::unique_ptr<Impl>(new Impl{portPlace(0).socket(), portPlace(port), std::move(answered)});
  impl->begin(portPlace(0));
  sockaddr_in bound{};
  socklen_t size = sizeof bound;
  if (::getsockname(impl->door.get(), reinterpret_cast<sockaddr*>(&bound), &size) != 0) std::abort();
  return std::unique_ptr<Relay>(
      new Relay(std::move(impl), "127.0.0.1:" + std::to_string(ntohs(bound.sin_port))));
}

std::unique_ptr<Relay> Relay::ofSocket(const std::string& from, const std::string& to, Answered answered) {
  const Place at = socketPlace(from);
  auto impl = std::unique_ptr<Impl>(new Impl{at.socket(), socketPlace(to), std::move(answered)});
  impl->begin(at);
  return std::unique_ptr<Relay>(new Relay(std::move(impl), from));
}

Relay::Relay(std::unique_ptr<Impl> impl, std::string address)
    : impl_(std::move(impl)), address_(std::move(address)) {}

Relay::~Relay() {
  ::shutdown(impl_->door.get(), SHUT_RDWR);
  impl_->acceptor.join();
  for (const base::Fd& one : impl_->open) ::shutdown(one.get(), SHUT_RDWR);
  impl_->connections.clear();
}

}  // namespace tests
