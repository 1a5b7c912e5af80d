#include "tests/bench/load_link.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

namespace tests::bench {
namespace {

constexpr std::size_t kReadSize = 4096;

base::Fd connectUnix(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return {};
  std::copy(path.begin(), path.end(), address.sun_path);
  base::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return {};
  return fd;
}

base::Fd connectTcp(const Target& target) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(target.port);
  if (::inet_pton(AF_INET, target.address.c_str(), &address.sin_addr) != 1) return {};
  base::Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return {};
  const int on = 1;
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

}  // namespace

std::optional<Target> parseTarget(const std::string& text) {
  Target target;
  constexpr std::string_view kUnix = "unix:";
  if (text.starts_with(kUnix)) {
    target.path = text.substr(kUnix.size());
    return target.path.empty() ? std::nullopt : std::optional(target);
  }
  target.tls = text.starts_with("https://");
  if (!target.tls && !text.starts_with("http://")) return std::nullopt;
  const std::size_t start = text.find("//") + 2;
  const std::size_t colon = text.find(':', start);
  if (colon == std::string::npos) return std::nullopt;
  target.address = text.substr(start, colon - start);
  const char* end = text.data() + text.size();
  const auto [stop, wrong] = std::from_chars(text.data() + colon + 1, end, target.port);
  if (wrong != std::errc{} || stop != end) return std::nullopt;
  return target;
}

TlsClient::TlsClient() : context_(::SSL_CTX_new(::TLS_client_method())) {
  ::SSL_CTX_set_min_proto_version(context_, TLS1_3_VERSION);
  ::SSL_CTX_set_verify(context_, SSL_VERIFY_NONE, nullptr);
  ::SSL_CTX_set_mode(context_, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
}
TlsClient::~TlsClient() { ::SSL_CTX_free(context_); }

std::unique_ptr<Link> Link::open(const Target& target, const TlsClient& tls) {
  base::Fd fd = target.path.empty() ? connectTcp(target) : connectUnix(target.path);
  if (!fd) return nullptr;
  std::unique_ptr<Link> link(new Link(std::move(fd)));
  if (target.tls && !link->shakeHands(tls)) return nullptr;
  const int flags = ::fcntl(link->fd(), F_GETFL);
  if (flags < 0 || ::fcntl(link->fd(), F_SETFL, flags | O_NONBLOCK) != 0) return nullptr;
  return link;
}

bool Link::shakeHands(const TlsClient& tls) {
  ssl_ = ::SSL_new(tls.context());
  return ssl_ != nullptr && ::SSL_set_fd(ssl_, fd_.get()) == 1 && ::SSL_connect(ssl_) == 1;
}

Link::~Link() { ::SSL_free(ssl_); }

Link::Progress Link::send(std::string_view text, std::size_t& sent) {
  while (sent < text.size()) {
    const std::string_view rest = text.substr(sent);
    if (ssl_ != nullptr) {
      const int done = ::SSL_write(ssl_, rest.data(), static_cast<int>(rest.size()));
      if (done <= 0)
        return ::SSL_get_error(ssl_, done) == SSL_ERROR_WANT_WRITE ? Progress::Again : Progress::Broken;
      sent += static_cast<std::size_t>(done);
      continue;
    }
    const ssize_t done = ::send(fd_.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
    if (done < 0) return errno == EAGAIN ? Progress::Again : Progress::Broken;
    sent += static_cast<std::size_t>(done);
  }
  return Progress::Done;
}

Link::Progress Link::receive(std::string& text) {
  const std::size_t before = text.size();
  text.resize(before + kReadSize);
  ssize_t got = 0;
  bool again = false;
  if (ssl_ != nullptr) {
    got = ::SSL_read(ssl_, text.data() + before, static_cast<int>(kReadSize));
    again = got <= 0 && ::SSL_get_error(ssl_, static_cast<int>(got)) == SSL_ERROR_WANT_READ;
  } else {
    got = ::recv(fd_.get(), text.data() + before, kReadSize, 0);
    again = got < 0 && errno == EAGAIN;
  }
  text.resize(before + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  if (got > 0) return Progress::Done;
  return again ? Progress::Again : Progress::Broken;
}

}  // namespace tests::bench
