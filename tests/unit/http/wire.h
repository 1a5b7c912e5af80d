// A client that speaks bytes: for requests that a well-behaved one never sends.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>

#include "hal/base/clock.h"
#include "hal/base/fd.h"

namespace tests {

class Wire {
 public:
  explicit Wire(const std::filesystem::path& path) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    connected_ = ::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  // To 127.0.0.1.
  explicit Wire(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int on = 1;
    ::setsockopt(fd_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    connected_ = ::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }

  bool connected() const { return connected_; }
  int fd() const noexcept { return fd_.get(); }
  bool send(std::string_view text) {
    while (!text.empty()) {
      const ssize_t put = ::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL);
      if (put <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(put));
    }
    return true;
  }
  // The next answer, header and body; empty where the connection ends or 20 s pass without one.
  std::string answer(bool head = false) {
    const auto by = base::Deadline::in(std::chrono::seconds(20));
    for (;;) {
      const std::size_t end = in_.find("\r\n\r\n");
      if (end != in_.npos) {
        const std::size_t size = end + 4 + (head ? 0 : lengthIn(in_.substr(0, end)));
        if (in_.size() >= size) {
          const std::string out = in_.substr(0, size);
          in_.erase(0, size);
          return out;
        }
      }
      if (!more(by)) return {};
    }
  }
  // True where the server ends the connection within `span`.
  bool ends(std::chrono::milliseconds span = std::chrono::seconds(20)) {
    const auto by = base::Deadline::in(span);
    while (more(by)) {
    }
    return ended_;
  }

 private:
  static std::size_t lengthIn(const std::string& header) {
    const std::size_t at = header.find("Content-Length: ");
    return at == header.npos ? 0 : std::stoul(header.substr(at + 16));
  }
  bool more(base::Deadline by) {
    pollfd ready{fd_.get(), POLLIN, 0};
    if (::poll(&ready, 1, static_cast<int>(by.remaining().count())) <= 0) return false;
    char chunk[4096];
    const ssize_t got = ::recv(fd_.get(), chunk, sizeof chunk, 0);
    if (got <= 0) {
      ended_ = true;
      return false;
    }
    in_.append(chunk, static_cast<std::size_t>(got));
    return true;
  }

  base::Fd fd_;
  bool connected_ = false;
  bool ended_ = false;
  std::string in_;
};

}  // namespace tests
