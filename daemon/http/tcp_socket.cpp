#include "daemon/http/tcp_socket.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "hal/base/file.h"

namespace kmsd::http {
namespace {

using base::Code;
using base::Error;
using base::Reason;

constexpr int kBacklog = 4096;  // the kernel lowers it to net.core.somaxconn

struct FreeAddresses {
  void operator()(addrinfo* list) const noexcept { ::freeaddrinfo(list); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

std::uint16_t portOf(int fd) {
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size) != 0) return 0;
  in_port_t port = 0;
  if (bound.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &bound, sizeof v4);
    port = v4.sin_port;
  } else {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &bound, sizeof v6);
    port = v6.sin6_port;
  }
  return ntohs(port);
}

void setPort(sockaddr_storage& address, std::uint16_t port) {
  const in_port_t wire = htons(port);
  // Where it lies is the same in both families.
  static_assert(offsetof(sockaddr_in, sin_port) == offsetof(sockaddr_in6, sin6_port));
  std::memcpy(reinterpret_cast<char*>(&address) + offsetof(sockaddr_in, sin_port), &wire, sizeof wire);
}

base::Result<base::Fd> listenOn(const addrinfo& info, std::uint16_t port, const std::string& name) {
  base::Fd fd(::socket(info.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP));
  if (!fd) return base::systemError("cannot make a socket for " + name, errno);
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (info.ai_family == AF_INET6) ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  sockaddr_storage address{};
  std::memcpy(&address, info.ai_addr, info.ai_addrlen);
  setPort(address, port);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), info.ai_addrlen) != 0 ||
      ::listen(fd.get(), kBacklog) != 0) {
    if (errno == EADDRINUSE)
      return Error{Code::Conflict, "another server listens on " + name, Reason::AddressInUse};
    if (errno == EADDRNOTAVAIL) return Error{Code::Invalid, name + " is not an address of this host"};
    return base::systemError("cannot listen on " + name, errno);
  }
  return fd;
}

}  // namespace

std::string peerAddress(int socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  char host[NI_MAXHOST] = {};
  char port[8] = {};
  if (::getpeername(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
      ::getnameinfo(reinterpret_cast<const sockaddr*>(&address), size, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
    return {};
  const bool v6 = address.ss_family == AF_INET6;
  return (v6 ? "[" : "") + std::string(host) + (v6 ? "]:" : ":") + port;
}

base::Result<TcpListeners> listenTcp(const std::string& host, std::uint16_t port) {
  const std::string name =
      (host.find(':') != host.npos ? '[' + host + ']' : host) + ':' + std::to_string(port);
  addrinfo wanted{};
  wanted.ai_family = AF_UNSPEC;
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  if (const int failed = ::getaddrinfo(host.c_str(), nullptr, &wanted, &found); failed != 0) {
    return Error{Code::Invalid, "there is no host '" + host + "' to listen on: " + ::gai_strerror(failed)};
  }
  const Addresses addresses(found);
  TcpListeners out;
  out.port = port;
  for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
    if (at->ai_family != AF_INET && at->ai_family != AF_INET6) continue;
    auto fd = listenOn(*at, out.port, name);
    if (!fd) return std::move(fd).error();
    if (out.port == 0) out.port = portOf(fd->get());
    out.sockets.push_back(std::make_unique<TcpListener>(*std::move(fd)));
  }
  if (out.sockets.empty()) return Error{Code::Invalid, "there is no address of '" + host + "' to listen on"};
  return out;
}

}  // namespace kmsd::http
