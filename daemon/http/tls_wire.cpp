// TLS directly on the descriptor: a connection that waits holds no record buffers.
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <cerrno>
#include <new>

#include "daemon/http/tls.h"
#include "daemon/http/tls_certificate.h"
#include "daemon/http/wire.h"

namespace kmsd::http {
namespace {

// OpenSSL's own socket BIO, but that a connection which is gone raises no SIGPIPE.
int socketWrite(BIO* bio, const char* from, std::size_t size, std::size_t* put) {
  BIO_clear_retry_flags(bio);
  const ssize_t sent = ::send(static_cast<int>(BIO_get_fd(bio, nullptr)), from, size, MSG_NOSIGNAL);
  if (sent < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_write(bio);
  *put = sent > 0 ? static_cast<std::size_t>(sent) : 0;
  return sent > 0 ? 1 : 0;
}

int socketRead(BIO* bio, char* to, std::size_t size, std::size_t* got) {
  BIO_clear_retry_flags(bio);
  const ssize_t read = ::recv(static_cast<int>(BIO_get_fd(bio, nullptr)), to, size, 0);
  if (read < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_read(bio);
  if (read == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
  *got = read > 0 ? static_cast<std::size_t>(read) : 0;
  return read > 0 ? 1 : 0;
}

const BIO_METHOD* quietSocket() {
  static BIO_METHOD* const method = [] {
    const BIO_METHOD* const own = BIO_s_socket();
    BIO_METHOD* const made = BIO_meth_new(BIO_TYPE_SOCKET, "socket without SIGPIPE");
    if (made == nullptr) throw std::bad_alloc();
    BIO_meth_set_write_ex(made, socketWrite);
    BIO_meth_set_read_ex(made, socketRead);
    BIO_meth_set_ctrl(made, BIO_meth_get_ctrl(own));
    BIO_meth_set_create(made, BIO_meth_get_create(own));
    BIO_meth_set_destroy(made, BIO_meth_get_destroy(own));
    return made;
  }();
  return method;
}

class TlsWire final : public Wire {
 public:
  TlsWire(base::Fd fd, SSL* connection) : Wire(std::move(fd)), ssl_(connection) { attach(); }
  TlsWire(base::Fd fd, std::shared_ptr<const TlsContext> context)
      : Wire(std::move(fd)), context_(std::move(context)) {}

  Move handshake() override {
    ERR_clear_error();
    if (!ssl_) {
      ssl_.reset(context_->accept());
      attach();
      if (context_->shown() != nullptr) SSL_set_cert_cb(ssl_.get(), showCertificate, this);
    }
    const int result = SSL_do_handshake(ssl_.get());
    // What the key had to sign is signed now, if this step came to it: the key may go.
    if (held_) {
      ShownCertificate::forget(ssl_.get());
      held_.reset();
    }
    const Move state = stateOf(result);
    open_ = state == Move::Done;
    return state;
  }

  Moved readSome(std::span<char> to) override {
    ERR_clear_error();
    Moved moved;
    moved.state = stateOf(SSL_read_ex(ssl_.get(), to.data(), to.size(), &moved.bytes));
    return moved;
  }

  Moved writeSome(std::span<const char> from) override {
    ERR_clear_error();
    Moved moved;
    if (!ssl_) return moved;
    moved.state = stateOf(SSL_write_ex(ssl_.get(), from.data(), from.size(), &moved.bytes));
    return moved;
  }

  bool mayHaveMore() const noexcept override { return SSL_has_pending(ssl_.get()) != 0; }

  void endWriting() noexcept override {
    if (open_) SSL_shutdown(ssl_.get());
    ERR_clear_error();
    ::shutdown(fd_.get(), SHUT_WR);
  }

  std::optional<ClientCertificate> certificate() const override {
    const X509* const shown = SSL_get0_peer_certificate(ssl_.get());
    if (shown == nullptr || SSL_get_verify_result(ssl_.get()) != X509_V_OK) return std::nullopt;
    auto out = clientCertificate(*shown);
    if (!out || !context_ || !context_->own().signedPeerOf(ssl_.get())) return out;
    out->own = true;
    out->der = derOf(*shown);
    return out;
  }

  bool secure() const noexcept override { return true; }

  void close(bool orderly) noexcept override {
    if (orderly && open_) SSL_shutdown(ssl_.get());
    ERR_clear_error();
    ssl_.reset();
    if (fd_ && !orderly) dropUnsent(fd_.get());
    fd_.reset();
  }

  TlsFailure failure() const override { return failure_; }

 private:
  struct Free {
    void operator()(SSL* ssl) const noexcept { SSL_free(ssl); }
  };

  // OpenSSL asks when it has read what the client wants.
  static int showCertificate(SSL* connection, void* wire) {
    auto& self = *static_cast<TlsWire*>(wire);
    self.held_.reset();
    try {
      if (auto shown = self.context_->shown()->show(connection)) self.held_.emplace(*std::move(shown));
    } catch (const std::bad_alloc&) {  // as where there is none
    }
    return self.held_ ? 1 : 0;
  }

  void attach() {
    BIO* const bio = BIO_new(quietSocket());
    if (bio == nullptr) throw std::bad_alloc();
    BIO_set_fd(bio, fd_.get(), BIO_NOCLOSE);
    SSL_set_bio(ssl_.get(), bio, bio);
  }

  Move stateOf(int result) {
    if (result == 1) return Move::Done;
    switch (SSL_get_error(ssl_.get(), result)) {
      case SSL_ERROR_WANT_READ:
        return Move::WantRead;
      case SSL_ERROR_WANT_WRITE:
        return Move::WantWrite;
      case SSL_ERROR_ZERO_RETURN:
        return Move::Closed;
      default:
        break;
    }
    open_ = false;  // nothing more may be said (SSL_shutdown)
    failure_ = lastTlsFailure(SSL_get_verify_result(ssl_.get()));
    return Move::Failed;
  }

  std::shared_ptr<const TlsContext> context_;
  std::unique_ptr<SSL, Free> ssl_;
  bool open_ = false;
  std::optional<ShownCertificate::Hold> held_;  // within handshake() only
  TlsFailure failure_;
};

}  // namespace

std::unique_ptr<Wire> tlsWire(base::Fd fd, ssl_st* connection) {
  return std::make_unique<TlsWire>(std::move(fd), connection);
}

std::unique_ptr<Wire> tlsWire(base::Fd fd, std::shared_ptr<const TlsContext> context) {
  return std::make_unique<TlsWire>(std::move(fd), std::move(context));
}

}  // namespace kmsd::http
