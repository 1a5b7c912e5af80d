#include "hal/uevent.h"

#include <linux/netlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "hal/base/file.h"
#include "hal/stop_wait.h"

namespace hal {
namespace {

constexpr unsigned kKernelGroup = 1;
constexpr unsigned kUdevGroup = 2;
constexpr std::size_t kMaxValue = 1024;  // bytes
constexpr std::string_view kUdevPrefix{"libudev\0", 8};
constexpr std::size_t kUdevHeader = 24;  // bytes up to and with the properties' length
constexpr std::string_view kUdevMagic = "\xFE\xED\xCA\xFE";

// A u32 in host order: udevd and this process run on the same host.
std::size_t hostU32(std::string_view text, std::size_t at) {
  std::uint32_t value = 0;
  std::memcpy(&value, text.data() + at, sizeof value);
  return value;
}

// The properties' part of a udev datagram.
std::optional<std::string_view> udevProperties(std::string_view text) {
  if (text.size() < kUdevHeader || text.substr(8, kUdevMagic.size()) != kUdevMagic) {
    return std::nullopt;
  }
  const std::size_t offset = hostU32(text, 16);
  const std::size_t length = hostU32(text, 20);
  if (offset < kUdevHeader || offset > text.size() || length > text.size() - offset) return std::nullopt;
  return text.substr(offset, length);
}

// The properties' part of a kernel datagram, behind "action@devpath".
std::optional<std::string_view> kernelProperties(std::string_view text) {
  const std::size_t end = text.find('\0');
  if (end == std::string_view::npos) return std::nullopt;
  const std::size_t at = text.substr(0, end).find('@');
  if (at == 0 || at == std::string_view::npos) return std::nullopt;
  return text.substr(end + 1);
}

bool setText(std::string& field, std::string_view value) {
  if (!field.empty() || value.empty()) return false;
  field = value;
  return true;
}

bool setNumber(std::optional<unsigned>& field, std::string_view value) {
  unsigned number = 0;
  const auto [end, failed] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (field || failed != std::errc() || end != value.data() + value.size()) return false;
  field = number;
  return true;
}

bool take(Uevent& event, std::string_view property) {
  const std::size_t equals = property.find('=');
  if (equals == std::string_view::npos) return false;
  const std::string_view key = property.substr(0, equals);
  const std::string_view value = property.substr(equals + 1);
  if (value.size() > kMaxValue) return false;
  if (key == "ACTION") return setText(event.action, value);
  if (key == "DEVPATH") return setText(event.devpath, value);
  if (key == "SUBSYSTEM") return setText(event.subsystem, value);
  if (key == "DEVNAME") return setText(event.devname, value);
  if (key == "MAJOR") return setNumber(event.major, value);
  if (key == "MINOR") return setNumber(event.minor, value);
  return true;  // not ours to know
}

// From the kernel itself, or from a process of root on udevd's group.
bool trusted(const msghdr& message, const sockaddr_nl& sender) {
  const cmsghdr* control = CMSG_FIRSTHDR(&message);
  if (control == nullptr || control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_CREDENTIALS) {
    return false;
  }
  ucred who{};
  std::memcpy(&who, CMSG_DATA(control), sizeof who);
  if (who.uid != 0) return false;
  if (sender.nl_groups == kKernelGroup) return sender.nl_pid == 0;
  return sender.nl_groups == kUdevGroup;
}

// One datagram, if one waits and its sender may be believed. Errors: Io.
base::Result<std::optional<Uevent>> receive(int fd) {
  std::array<std::byte, kMaxUevent> datagram;
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(ucred))> control;
  sockaddr_nl sender{};
  iovec part{datagram.data(), datagram.size()};
  msghdr message{};
  message.msg_name = &sender;
  message.msg_namelen = sizeof sender;
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t got = ::recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (got < 0 && errno == ENOBUFS) {
    Uevent lost;
    lost.action = "lost";
    return std::optional(std::move(lost));
  }
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return std::optional<Uevent>();
  if (got < 0) return base::systemError("cannot read kernel events", errno);
  if ((message.msg_flags & MSG_TRUNC) != 0 || !trusted(message, sender)) return std::optional<Uevent>();
  return parseUevent({datagram.data(), static_cast<std::size_t>(got)});
}

}  // namespace

std::optional<Uevent> parseUevent(base::BytesView datagram) {
  const std::string_view text = base::asText(datagram);
  if (text.size() > kMaxUevent) return std::nullopt;
  auto rest = text.starts_with(kUdevPrefix) ? udevProperties(text) : kernelProperties(text);
  if (!rest) return std::nullopt;
  Uevent event;
  while (!rest->empty()) {
    const std::size_t end = rest->find('\0');
    if (end == std::string_view::npos || !take(event, rest->substr(0, end))) return std::nullopt;
    rest->remove_prefix(end + 1);
  }
  if (event.action.empty() || event.devpath.empty()) return std::nullopt;
  return event;
}

base::Result<UeventSocket> UeventSocket::open() {
  base::Fd fd(::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT));
  if (!fd) return base::systemError("cannot hear kernel events", errno);
  const int on = 1;
  if (::setsockopt(fd.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on) != 0) {
    return base::systemError("cannot check who sends kernel events", errno);
  }
  sockaddr_nl own{};
  own.nl_family = AF_NETLINK;
  own.nl_groups = kKernelGroup | kUdevGroup;
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0) {
    return base::systemError("cannot hear kernel events", errno);
  }
  return UeventSocket(std::move(fd));
}

base::Result<std::optional<Uevent>> UeventSocket::next(base::Deadline by, const std::stop_token& stop) {
  for (;;) {
    auto woke = waitReadable(fd_.get(), by, stop);
    if (!woke) return std::move(woke).error();
    if (*woke != Woke::Ready) return std::optional<Uevent>();
    auto event = receive(fd_.get());
    if (!event || *event) return event;
    if (by.expired()) return event;  // a flood of datagrams that do not count must not outlast the deadline
  }
}

}  // namespace hal
