#include "daemon/http/wire.h"

#include <sys/socket.h>

#include <cerrno>

namespace kmsd::http {
namespace {

class PlainWire final : public Wire {
 public:
  explicit PlainWire(base::Fd fd) noexcept : Wire(std::move(fd)) {}

  Move handshake() override { return Move::Done; }

  Moved readSome(std::span<char> to) override {
    for (;;) {
      const ssize_t got = ::recv(fd_.get(), to.data(), to.size(), 0);
      if (got > 0) {
        more_ = static_cast<std::size_t>(got) == to.size();
        return {Move::Done, static_cast<std::size_t>(got)};
      }
      if (got == 0) return {Move::Closed, 0};
      if (errno == EINTR) continue;
      more_ = false;
      return {errno == EAGAIN ? Move::WantRead : Move::Failed, 0};
    }
  }

  Moved writeSome(std::span<const char> from) override {
    for (;;) {
      const ssize_t put = ::send(fd_.get(), from.data(), from.size(), MSG_NOSIGNAL);
      if (put > 0) return {Move::Done, static_cast<std::size_t>(put)};
      if (put < 0 && errno == EINTR) continue;
      if (put < 0 && errno == EPIPE) return {Move::Closed, 0};
      return {put < 0 && errno == EAGAIN ? Move::WantWrite : Move::Failed, 0};
    }
  }

  bool mayHaveMore() const noexcept override { return more_; }
  void endWriting() noexcept override { ::shutdown(fd_.get(), SHUT_WR); }
  std::optional<ClientCertificate> certificate() const override { return std::nullopt; }
  bool secure() const noexcept override { return false; }

  void close(bool orderly) noexcept override {
    if (fd_ && !orderly) dropUnsent(fd_.get());
    fd_.reset();
  }

 private:
  bool more_ = true;  // the last read was cut short by its room, or there was none yet
};

}  // namespace

std::unique_ptr<Wire> plainWire(base::Fd fd) { return std::make_unique<PlainWire>(std::move(fd)); }

void dropUnsent(int fd) noexcept {
  const linger none{1, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);  // a Unix socket has nothing to drop
}

}  // namespace kmsd::http
