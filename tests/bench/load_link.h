// One keep-alive connection of the load generator: non-blocking, over a Unix socket, TCP, or TLS on TCP.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "hal/base/fd.h"

typedef struct ssl_st SSL;
typedef struct ssl_ctx_st SSL_CTX;

namespace tests::bench {

// unix:PATH, http://IPV4:PORT or https://IPV4:PORT.
struct Target {
  std::string path;  // of the Unix socket; empty with TCP
  std::string address;
  unsigned short port = 0;
  bool tls = false;
};
std::optional<Target> parseTarget(const std::string& text);

// TLS 1.3 only. The certificate is not checked: the server is a child of the same benchmark, and checking
// costs a connection, not a request.
class TlsClient {
 public:
  TlsClient();
  ~TlsClient();
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;
  SSL_CTX* context() const noexcept { return context_; }

 private:
  SSL_CTX* context_;
};

class Link {
 public:
  enum class Progress { Done, Again, Broken };

  // Connects and shakes hands, waiting for it. Nothing where it fails.
  static std::unique_ptr<Link> open(const Target& target, const TlsClient& tls);
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  int fd() const noexcept { return fd_.get(); }
  // Sends the rest of `text` from `sent` on. Again: when the socket can be written.
  Progress send(std::string_view text, std::size_t& sent);
  // Appends what is there to `text`. Done: something was read.
  Progress receive(std::string& text);

 private:
  explicit Link(base::Fd fd) : fd_(std::move(fd)) {}
  bool shakeHands(const TlsClient& tls);

  base::Fd fd_;
  SSL* ssl_ = nullptr;
};

}  // namespace tests::bench
