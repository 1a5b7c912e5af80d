#include "daemon/http/client_wire.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <new>

#include "daemon/http/tls_files.h"
#include "hal/base/file.h"

namespace kmsd::http {
namespace {

using base::Code;
using base::Error;
using base::Reason;

constexpr unsigned char kHttp11[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};

Error unreachable(const std::string& what) {
  return Error{Code::Unavailable, what, Reason::ServerUnreachable};
}

Error silent(const std::string& name) {
  return Error{Code::Timeout, "the server at " + name + " does not answer", Reason::ServerUnreachable};
}

Error distrusted(const std::string& what) { return Error{Code::Denied, what, Reason::ServerUnreachable}; }

// 0, or why the connection failed.
int connectBy(int fd, const sockaddr* to, socklen_t size, base::Deadline by) {
  if (::connect(fd, to, size) == 0) return 0;
  // A Unix socket whose queue is full says EAGAIN, and cannot be waited for; the deadline is spent on that.
  while (errno == EAGAIN && !by.expired()) {
    pollfd pause{-1, 0, 0};
    ::poll(&pause, 1, 10);
    if (::connect(fd, to, size) == 0) return 0;
  }
  if (errno != EINPROGRESS) return errno;
  if (!waitFor(fd, Move::WantWrite, by)) return ETIMEDOUT;
  int failed = 0;
  socklen_t room = sizeof failed;
  return ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &room) == 0 ? failed : errno;
}

struct FreeAddresses {
  void operator()(addrinfo* list) const noexcept { ::freeaddrinfo(list); }
};

base::Result<base::Fd> connectTcp(const std::string& host, std::uint16_t port, const std::string& name,
                                  base::Deadline by) {
  addrinfo wanted{};
  wanted.ai_family = AF_UNSPEC;
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const std::string service = std::to_string(port);
  if (const int failed = ::getaddrinfo(host.c_str(), service.c_str(), &wanted, &found); failed != 0)
    return unreachable("there is no host '" + host + "': " + ::gai_strerror(failed));
  const std::unique_ptr<addrinfo, FreeAddresses> addresses(found);
  int failed = EHOSTUNREACH;
  for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
    base::Fd fd(::socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP));
    failed = fd ? connectBy(fd.get(), at->ai_addr, at->ai_addrlen, by) : errno;
    if (failed != 0) continue;
    const int on = 1;
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
  }
  if (failed == ETIMEDOUT) return silent(name);
  return unreachable("no server at " + name + " (" + std::strerror(failed) + "); is kmsd running?");
}

base::Result<Context> contextOf(const TlsTrust& trust) {
  auto context = newTlsContext(false);
  if (!context) return context;
  SSL_CTX* const to = context->get();
  SSL_CTX_set_verify(to, trust.anybody ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_alpn_protos(to, kHttp11, sizeof kHttp11);
  if (trust.authority.empty()) {
    if (SSL_CTX_set_default_verify_paths(to) != 1)
      return Error{Code::Unavailable, "the system's authorities cannot be read; name some with --ca FILE"};
  } else if (auto used = useAuthorities(to, trust.authority, false); !used) {
    return std::move(used).error();
  }
  // A server's own certificate, given as the authority, is trusted for itself.
  X509_STORE_set_flags(SSL_CTX_get_cert_store(to), X509_V_FLAG_PARTIAL_CHAIN);
  if (!trust.certificate.empty()) {
    if (auto used = useCertificate(to, trust.certificate); !used) return std::move(used).error();
    if (auto used = useKey(to, trust.key); !used) return std::move(used).error();
  }
  return context;
}

// Who must be at the other end. False where it cannot be asked for.
bool expectHost(SSL* connection, const std::string& host) {
  unsigned char address[sizeof(in6_addr)];
  const bool number =
      ::inet_pton(AF_INET, host.c_str(), address) == 1 || ::inet_pton(AF_INET6, host.c_str(), address) == 1;
  if (number) return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(connection), host.c_str()) == 1;
  std::string name = host;  // OpenSSL takes a copy, but asks for what it may change
  SSL_set_hostflags(connection, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return SSL_set1_host(connection, host.c_str()) == 1 &&
         SSL_ctrl(connection, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name.data()) == 1;
}

Error refusedHandshake(const std::string& name, const TlsFailure& failure) {
  if (auto refused = certificateRefused(failure)) return *std::move(refused);
  if (failure.fault == TlsFault::NotTls)
    return unreachable("the server at " + name +
                       " does not speak TLS; this is probably the port of its http address, so give that of "
                       "its https address");
  constexpr int kInternalError = 80;  // RFC 8446, section 6.2
  if (failure.alert == kInternalError)
    return unreachable(
        "the server at " + name +
        " cannot shake hands; one that shows a certificate of its own authority can do so only "
        "while it is unsealed");
  return unreachable("TLS with " + name + " failed: " + failure.what);
}

Error handshakeError(long verified, const std::string& name, const std::string& host, const Wire& wire) {
  switch (verified) {
    case X509_V_OK:
      return refusedHandshake(name, wire.failure());
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return distrusted("the certificate of " + name + " does not name " + host +
                        "; connect by a name that it has");
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return distrusted("the certificate of " + name + " has expired; the server needs a new one");
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return distrusted("the certificate of " + name + " is not valid yet; look at this host's clock");
    default:
      return distrusted("the certificate of " + name + " is not trusted (" + wire.failure().what +
                        "); give its authority with --ca FILE");
  }
}

}  // namespace

std::optional<Error> certificateRefused(const TlsFailure& failure) {
  const std::string_view why = certificateRefusal(failure.alert);
  if (why.empty()) return std::nullopt;
  return Error{Code::Denied, "the server refused this client's certificate: " + std::string(why),
               Reason::Unauthenticated};
}

bool waitFor(int fd, Move want, base::Deadline by, int stop) {
  for (;;) {
    pollfd ready[] = {{fd, static_cast<short>(want == Move::WantRead ? POLLIN : POLLOUT), 0},
                      {stop, POLLIN, 0}};
    const auto left = by.remaining().count();
    const int count = ::poll(ready, 2, static_cast<int>(std::min<long>(left + 1, 60'000)));
    if (count > 0) return ready[1].revents == 0;
    if (by.expired()) return false;
    if (count < 0 && errno != EINTR) return true;  // what fails will say so itself
  }
}

base::Result<std::unique_ptr<Wire>> unixClientWire(const std::filesystem::path& path, base::Deadline by) {
  const std::string name = path.string();
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (name.empty() || name.size() >= sizeof address.sun_path || name.find('\0') != name.npos)
    return Error{Code::Invalid, "the socket path must have 1 to 107 bytes: " + name};
  std::memcpy(address.sun_path, name.data(), name.size());
  base::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return base::systemError("cannot make a socket", errno);
  const int failed = connectBy(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address, by);
  if (failed == 0) return plainWire(std::move(fd));
  if (failed == EACCES || failed == EPERM)
    return Error{Code::Denied, "no permission to use the socket " + name, Reason::ServerUnreachable};
  if (failed == ETIMEDOUT || failed == EAGAIN)
    return unreachable("the server at " + name + " does not answer");
  return unreachable("no server at " + name + " (" + std::strerror(failed) + "); is kmsd running?");
}

base::Result<std::unique_ptr<Wire>> tlsClientWire(const std::string& host, std::uint16_t port,
                                                  const TlsTrust& trust, base::Deadline by) {
  const std::string name =
      (host.find(':') != host.npos ? '[' + host + ']' : host) + ':' + std::to_string(port);
  auto context = contextOf(trust);
  if (!context) return std::move(context).error();
  auto fd = connectTcp(host, port, name, by);
  if (!fd) return std::move(fd).error();
  SSL* const connection = SSL_new(context->get());
  if (connection == nullptr) throw std::bad_alloc();
  SSL_set_connect_state(connection);
  auto wire = tlsWire(*std::move(fd), connection);
  if (!expectHost(connection, host)) return Error{Code::Invalid, "'" + host + "' is not a host's name"};
  for (;;) {
    const Move state = wire->handshake();
    if (state == Move::Done) return wire;
    if (state != Move::WantRead && state != Move::WantWrite)
      return handshakeError(SSL_get_verify_result(connection), name, host, *wire);
    if (!waitFor(wire->fd(), state, by)) return silent(name);
  }
}

}  // namespace kmsd::http
