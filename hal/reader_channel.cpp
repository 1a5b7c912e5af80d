#include "hal/reader_channel.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

#include "hal/base/file.h"

namespace hal {

using base::Code;
using base::Error;
using base::Result;

namespace {

// False at the deadline.
bool waitFor(int fd, short events, base::Deadline by) {
  for (;;) {
    pollfd slot{fd, events, 0};
    const int ready = ::poll(&slot, 1, static_cast<int>(by.remaining().count()) + 1);
    if (ready > 0) return true;
    if (by.expired()) return false;
  }
}

}  // namespace

ReaderChannel::ReaderChannel(base::Fd socket) : socket_(std::move(socket)) {
  ::fcntl(socket_.get(), F_SETFL, ::fcntl(socket_.get(), F_GETFL) | O_NONBLOCK);
}

void ReaderChannel::shutdown() noexcept { ::shutdown(socket_.get(), SHUT_RDWR); }

Result<void> ReaderChannel::send(base::BytesView frame, base::Deadline by) {
  while (!frame.empty()) {
    const ssize_t sent = ::send(socket_.get(), frame.data(), frame.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      frame = frame.subspan(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      if (!waitFor(socket_.get(), POLLOUT, by)) return Error{Code::Timeout, "the other side does not read"};
    } else if (errno != EINTR) {
      return Error{Code::Io, base::systemError("reader channel", errno).what};
    }
  }
  return {};
}

Result<bool> ReaderChannel::fill(std::span<std::byte> into) {
  while (got_ < into.size()) {
    const ssize_t count = ::recv(socket_.get(), into.data() + got_, into.size() - got_, 0);
    if (count > 0) {
      if (!since_) since_ = base::Deadline::Steady::now();
      got_ += static_cast<std::size_t>(count);
    } else if (count == 0) {
      return Error{Code::NotFound, "the other side has ended"};
    } else if (errno == EAGAIN) {
      return false;
    } else if (errno != EINTR) {
      return Error{Code::Io, base::systemError("reader channel", errno).what};
    }
  }
  got_ = 0;
  return true;
}

Result<std::optional<reader::Frame>> ReaderChannel::poll() {
  if (!header_) {
    const auto full = fill(head_);
    if (!full) return full.error();
    if (!*full) return std::optional<reader::Frame>();
    auto header = reader::parseHeader(head_);
    if (!header) return std::move(header).error();
    auto body = base::SecretBuffer::create(header->body);
    if (!body) return std::move(body).error();
    header_ = *header;
    body_ = *std::move(body);
  }
  const auto full = fill(body_.bytes());
  if (!full) return full.error();
  if (!*full) return std::optional<reader::Frame>();
  reader::Frame frame{header_->type, header_->request, std::move(body_)};
  header_.reset();
  since_.reset();
  return std::optional<reader::Frame>(std::move(frame));
}

Result<reader::Frame> ReaderChannel::receive(base::Deadline by) {
  for (;;) {
    auto frame = poll();
    if (!frame) return std::move(frame).error();
    if (*frame) return std::move(**frame);
    if (!waitFor(socket_.get(), POLLIN, by)) return Error{Code::Timeout, "no frame came in time"};
  }
}

}  // namespace hal
