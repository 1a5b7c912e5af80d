#include "tests/virtual/vpcd_link.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <optional>

#include "hal/base/fd.h"
#include "hal/stop_wait.h"

namespace tests {
namespace {

using base::Deadline;
using std::chrono::milliseconds;

constexpr milliseconds kBetweenTries{20};
constexpr milliseconds kLongestWait{1000};
constexpr time_t kInMessage = 5;  // seconds until the rest of a message must be there

enum class Control : std::uint8_t { Off = 0, On = 1, Reset = 2, Atr = 4 };

base::Fd connectTo(std::uint16_t port) {
  base::Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&to), sizeof(to)) != 0) return {};
  const timeval most{kInMessage, 0};
  const int yes = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &most, sizeof(most));
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
  return socket;
}

bool receive(int socket, std::span<std::byte> into) {
  while (!into.empty()) {
    // vpcd sends the length and the rest apart, and waits for the acknowledgement: 40 ms without this.
    const int yes = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_QUICKACK, &yes, sizeof(yes));
    const ssize_t got = ::recv(socket, into.data(), into.size(), 0);
    if (got <= 0) return false;
    into = into.subspan(static_cast<std::size_t>(got));
  }
  return true;
}

std::optional<Bytes> receiveMessage(int socket) {
  Bytes size(2);
  if (!receive(socket, size)) return std::nullopt;
  Bytes message(std::to_integer<std::size_t>(size[0]) << 8U | std::to_integer<std::size_t>(size[1]));
  if (!receive(socket, message)) return std::nullopt;
  return message;
}

bool send(int socket, const Bytes& reply) {
  const Bytes all = joined({bigEndian(reply.size(), 2), reply});
  return ::send(socket, all.data(), all.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(all.size());
}

}  // namespace

VpcdLink::VpcdLink(std::uint16_t port, std::shared_ptr<VirtualCard> card)
    : port_(port), card_(std::move(card)), thread_([this](const std::stop_token& stop) { run(stop); }) {}

void VpcdLink::run(const std::stop_token& stop) {
  while (!stop.stop_requested() && !left_) {
    const base::Fd socket = connectTo(port_);
    if (socket) serve(socket.get(), stop);
    if (!socket && !hal::waitReadable(-1, Deadline::in(kBetweenTries), stop)) return;
  }
}

void VpcdLink::serve(int socket, const std::stop_token& stop) {
  card_->reset();
  while (!stop.stop_requested()) {
    const auto ready = hal::waitReadable(socket, Deadline::in(kLongestWait), stop);
    if (!ready) return;
    if (*ready != hal::Woke::Ready) continue;
    const auto message = receiveMessage(socket);
    if (!message) return;
    const bool command = message->size() > 1;
    const Bytes reply = answer(*message);
    left_ = command && reply.empty();
    if (left_ || (!reply.empty() && !send(socket, reply))) return;
  }
}

Bytes VpcdLink::answer(BytesView message) {
  if (message.size() > 1) return card_->transmit(message);
  if (message.empty()) return {};
  switch (Control{std::to_integer<std::uint8_t>(message[0])}) {
    case Control::Off:
    case Control::On:
    case Control::Reset:
      card_->reset();
      return {};
    case Control::Atr:
      return card_->atr();
  }
  return {};
}

}  // namespace tests
