// ReaderChannel: whole frames of hal/reader_protocol.h over a stream socket. A body is received straight into
// its SecretBuffer and nothing is read ahead, so no copy of a secret stays behind. Used by one thread at a
// time, except that one thread may send while another receives.
#pragma once

#include <array>
#include <optional>

#include "hal/base/clock.h"
#include "hal/base/fd.h"
#include "hal/reader_protocol.h"

namespace hal {

class ReaderChannel {
 public:
  explicit ReaderChannel(base::Fd socket);

  // Errors: Io (the other side is gone); Timeout (it does not read).
  base::Result<void> send(base::BytesView frame, base::Deadline by);
  // Takes what has arrived, without waiting; a frame once one is complete. Errors: NotFound at the end of the
  // stream; Corrupt (no frame of the protocol); Io; Unavailable (no locked memory).
  base::Result<std::optional<reader::Frame>> poll();
  // Waits for a frame. Errors: as poll; Timeout.
  base::Result<reader::Frame> receive(base::Deadline by);

  // Since when a frame is half received; none where none is.
  std::optional<base::Deadline::Steady::time_point> partialSince() const noexcept { return since_; }
  int fd() const noexcept { return socket_.get(); }
  // Ends the stream in both directions, so that the other side hears of it at once.
  void shutdown() noexcept;

 private:
  base::Result<bool> fill(std::span<std::byte> into);  // true: full

  base::Fd socket_;
  std::array<std::byte, reader::kHeaderSize> head_{};
  std::optional<reader::Header> header_;
  base::SecretBuffer body_;
  std::size_t got_ = 0;  // bytes of the header, then of the body
  std::optional<base::Deadline::Steady::time_point> since_;
};

}  // namespace hal
