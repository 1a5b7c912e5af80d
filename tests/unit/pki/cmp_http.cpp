#include "tests/unit/pki/cmp_http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>

namespace tests {
namespace {

constexpr int kPoll = 50;  // milliseconds between looks at stop_

// Waits for bytes; false where there will be none.
bool readable(int fd, const std::atomic<bool>& stop) {
  pollfd wait{fd, POLLIN, 0};
  while (!stop) {
    const int ready = ::poll(&wait, 1, kPoll);
    if (ready != 0) return ready > 0;
  }
  return false;
}

std::size_t contentLength(std::string head) {
  std::ranges::transform(head, head.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const auto at = head.find("content-length:");
  return at == std::string::npos ? 0 : std::stoul(head.substr(at + 15));
}

// One request's body; false at the end of the connection.
bool readRequest(int fd, std::string& buffer, std::string& body, const std::atomic<bool>& stop) {
  for (;;) {
    const auto head = buffer.find("\r\n\r\n");
    if (head != std::string::npos) {
      const std::size_t size = contentLength(buffer.substr(0, head));
      if (buffer.size() >= head + 4 + size) {
        body = buffer.substr(head + 4, size);
        buffer.erase(0, head + 4 + size);
        return true;
      }
    }
    char chunk[4096];
    if (!readable(fd, stop)) return false;
    const ssize_t got = ::recv(fd, chunk, sizeof chunk, 0);
    if (got <= 0) return false;
    buffer.append(chunk, static_cast<std::size_t>(got));
  }
}

}  // namespace

CmpHttp::CmpHttp(std::function<HttpAnswer(base::BytesView)> handler) : handler_(std::move(handler)) {
  listener_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof where;
  auto* const address = reinterpret_cast<sockaddr*>(&where);
  if (::bind(listener_.get(), address, size) != 0 || ::listen(listener_.get(), 16) != 0 ||
      ::getsockname(listener_.get(), address, &size) != 0)
    std::abort();
  port_ = ntohs(where.sin_port);
  acceptor_ = std::thread([this] { accept(); });
}

CmpHttp::~CmpHttp() {
  stop_ = true;
  acceptor_.join();
  for (auto& thread : threads_) thread.join();
}

void CmpHttp::accept() {
  while (readable(listener_.get(), stop_)) {
    const int connection = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) return;
    const std::lock_guard lock(mutex_);
    threads_.emplace_back([this, connection] { serve(connection); });
  }
}

void CmpHttp::serve(int connection) {
  const base::Fd owned(connection);
  std::string buffer;
  std::string body;
  while (readRequest(connection, buffer, body, stop_)) {
    const HttpAnswer answer = handler_(base::asBytes(body));
    std::string out =
        "HTTP/1.1 " + std::to_string(answer.status) + (answer.status == 200 ? " OK" : " No") +
        "\r\nContent-Type: application/pkixcmp\r\nContent-Length: " + std::to_string(answer.body.size()) +
        "\r\nConnection: keep-alive\r\n\r\n";
    out += base::asText(answer.body);
    if (::send(connection, out.data(), out.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(out.size())) return;
  }
}

}  // namespace tests
