// ReadAhead: a body that one thread reads while another sends it. A few pieces lie between them, in buffers
// that are used again: the reader stands still while nobody takes them, and ends soon after nobody wants
// them any more. They are no secret.
#pragma once

#include <array>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>

#include "daemon/http/message.h"
#include "hal/base/fd.h"

namespace kmsd {

class ReadAhead {
 public:
  static constexpr std::size_t kPiece = 256U * 1024U;  // bytes
  static constexpr std::size_t kPieces = 3;

  // What it reads from: the next bytes, none at the end.
  using Read = std::function<base::Result<std::size_t>(std::span<std::byte> out)>;

  // Errors: as base::systemError.
  static base::Result<std::shared_ptr<ReadAhead>> create();

  // All of the sending side, to be made once: when it goes, reading ends. `size`: bytes in all.
  static std::shared_ptr<http::BodySource> source(std::shared_ptr<ReadAhead> ahead, std::uint64_t size);

  // The reading side, to be called once: reads until the end, an error, or until the source has gone.
  void run(const Read& read);

 private:
  class Source;
  using Piece = base::Result<std::optional<base::BytesView>>;

  explicit ReadAhead(base::Fd there) : there_(std::move(there)) {}
  std::span<std::byte> room();
  bool put(base::Result<std::size_t> got);
  Piece take();
  void leave();

  const base::Fd there_;  // an eventfd: can be read once the sender waits for nothing any more
  std::mutex mutex_;
  std::condition_variable changed_;
  std::array<base::Bytes, kPieces> pieces_;
  std::array<std::size_t, kPieces> sizes_{};
  std::size_t first_ = 0;   // of those that are read
  std::size_t filled_ = 0;  // that are read and not sent
  bool lent_ = false;       // the first is being sent
  bool waits_ = false;      // the sender, for there_
  bool gone_ = false;       // the sender
  bool whole_ = false;      // all is read
  std::optional<base::Error> failed_;
};

}  // namespace kmsd
