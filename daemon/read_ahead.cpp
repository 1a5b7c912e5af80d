#include "daemon/read_ahead.h"

#include <fcntl.h>
#include <sys/eventfd.h>

#include <cerrno>

#include "hal/base/file.h"

namespace kmsd {

using base::BytesView;
using base::Result;

class ReadAhead::Source final : public http::BodySource {
 public:
  Source(std::shared_ptr<ReadAhead> ahead, std::uint64_t size) : ahead_(std::move(ahead)), size_(size) {}
  ~Source() override { ahead_->leave(); }
  std::uint64_t size() const override { return size_; }
  base::Fd ready() const override { return base::Fd(::fcntl(ahead_->there_.get(), F_DUPFD_CLOEXEC, 0)); }
  Piece next() override { return ahead_->take(); }

 private:
  const std::shared_ptr<ReadAhead> ahead_;
  const std::uint64_t size_;
};

Result<std::shared_ptr<ReadAhead>> ReadAhead::create() {
  base::Fd there(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!there) return base::systemError("no descriptor is left for the backup", errno);
  std::shared_ptr<ReadAhead> ahead(new ReadAhead(std::move(there)));
  for (base::Bytes& piece : ahead->pieces_) piece.resize(kPiece);
  return ahead;
}

std::shared_ptr<http::BodySource> ReadAhead::source(std::shared_ptr<ReadAhead> ahead, std::uint64_t size) {
  return std::make_shared<Source>(std::move(ahead), size);
}

void ReadAhead::run(const Read& read) {
  for (bool more = true; more;) {
    const auto out = room();
    if (out.empty()) return;
    try {
      more = put(read(out));
    } catch (const std::exception&) {
      more = put(base::Error{base::Code::Unavailable, "there is no memory to read the backup"});
    }
  }
}

// Waits for a buffer that is free; nothing where nobody wants more.
std::span<std::byte> ReadAhead::room() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return gone_ || filled_ < kPieces; });
  if (gone_) return {};
  return pieces_[(first_ + filled_) % kPieces];
}

// False at the end.
bool ReadAhead::put(Result<std::size_t> got) {
  const std::lock_guard lock(mutex_);
  const bool more = got && *got > 0;
  if (more) {
    sizes_[(first_ + filled_) % kPieces] = *got;
    ++filled_;
  } else if (got) {
    whole_ = true;
  } else {
    failed_ = std::move(got).error();
  }
  if (std::exchange(waits_, false)) ::eventfd_write(there_.get(), 1);
  return more;
}

ReadAhead::Piece ReadAhead::take() {
  const std::lock_guard lock(mutex_);
  if (std::exchange(lent_, false)) {
    first_ = (first_ + 1) % kPieces;
    --filled_;
    changed_.notify_one();
  }
  if (filled_ > 0) {
    lent_ = true;
    return std::optional(BytesView(pieces_[first_]).first(sizes_[first_]));
  }
  if (failed_) return *failed_;
  if (whole_) return std::optional(BytesView());
  eventfd_t before = 0;
  ::eventfd_read(there_.get(), &before);  // of an earlier wait
  waits_ = true;
  return std::optional<BytesView>();
}

void ReadAhead::leave() {
  const std::lock_guard lock(mutex_);
  gone_ = true;
  changed_.notify_one();
}

}  // namespace kmsd
