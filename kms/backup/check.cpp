#include "kms/backup/check.h"

#include <algorithm>

namespace kms::backup {
namespace {

using base::BytesView;
using base::Code;
using base::Error;
using base::Result;

Error damaged(const std::string& what) { return {Code::Corrupt, what, base::Reason::BackupDamaged}; }

// Where the chunk may stand behind `before`: parts in their order, and only a part's last chunk is short.
bool follows(const ChunkHead& before, const ChunkHead& head) {
  if (before.number == 0) return head.part == Part::Database;
  if (head.part == before.part && head.segment == before.segment) return before.length == kChunkMost;
  return head.part == Part::Audit && head.segment > before.segment;
}

}  // namespace

Error Check::wrong(const std::string& what) const {
  if (!header_) return damaged(what);
  return damaged("the backup is damaged in chunk " + std::to_string(last_.number + 1) + " of " +
                 std::to_string(header_->chunks) + ", at byte " + std::to_string(at_) + ": " + what);
}

Error Check::goesOn() const {
  return damaged("the backup goes on behind its end, from byte " + std::to_string(at_));
}

// Bytes of what is being read, as far as that is known.
std::size_t Check::wanted() const {
  if (!header_) return headerLength_ == 0 ? kHeaderPrefix : headerLength_;
  return head_ ? kChunkHead + head_->length : kChunkHead;
}

Result<void> Check::takeHeader() {
  if (headerLength_ == 0) {
    auto length = headerLength(buffer_);
    if (!length) return std::move(length).error();
    headerLength_ = *length;
    return {};
  }
  auto header = parseHeader(buffer_);
  if (!header) return std::move(header).error();
  header_ = *std::move(header);
  at_ = buffer_.size();
  buffer_.clear();
  return sink_.header ? sink_.header(*header_) : Result<void>();
}

Result<void> Check::takeChunk() {
  if (!head_) {
    if (last_.number == header_->chunks) return goesOn();
    auto head = parseChunkHead(buffer_);
    if (!head) return wrong(head.error().what);
    if (head->number != last_.number + 1)
      return wrong("chunk " + std::to_string(head->number) + " stands there");
    if (!follows(last_, *head)) return wrong("it does not belong behind the one before");
    head_ = *head;
    return {};
  }
  const BytesView data = BytesView(buffer_).subspan(kChunkHead);
  if (!base::equalConstantTime(chunkHash(header_->id, *head_, data), head_->hash))
    return wrong("its hash does not fit, so it was changed or is of another backup");
  root_.add(head_->hash);
  if (sink_.chunk)
    if (auto taken = sink_.chunk(*head_, data); !taken) return taken;
  last_ = *head_;
  head_.reset();
  at_ += buffer_.size();
  buffer_.clear();
  return {};
}

Result<void> Check::feed(BytesView piece) {
  if (failed_) return wrong("it was given up");
  while (!piece.empty()) {
    const std::size_t take = std::min(wanted() - buffer_.size(), piece.size());
    buffer_.insert(buffer_.end(), piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(take));
    piece = piece.subspan(take);
    if (buffer_.size() < wanted()) return {};
    auto taken = header_ ? takeChunk() : takeHeader();
    if (!taken) {
      failed_ = true;
      return taken;
    }
  }
  return {};
}

Result<void> Check::finish() {
  if (failed_) return wrong("it was given up");
  failed_ = true;
  if (!header_) return damaged("the backup is cut off in its header, behind byte " + std::to_string(taken()));
  if (!buffer_.empty() && last_.number == header_->chunks) return goesOn();
  if (!buffer_.empty() || last_.number != header_->chunks)
    return damaged("the backup is cut off behind byte " + std::to_string(taken()) + " of " +
                   std::to_string(header_->bytes) + ", in chunk " + std::to_string(last_.number + 1) +
                   " of " + std::to_string(header_->chunks));
  if (at_ != header_->bytes || !base::equalConstantTime(root_.take(), header_->root))
    return damaged(
        "the chunks of the backup are whole, but not those that its header vouches for: it was put "
        "together from several, or made up");
  return {};
}

}  // namespace kms::backup
