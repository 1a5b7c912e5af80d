// Check: takes a backup in pieces, as it comes from a file or the network, and hands on only what was found
// whole. Holds one chunk. Needs no key: that the backup was made by its server is for its MAC to say.
#pragma once

#include <functional>

#include "kms/backup/backup_format.h"
#include "kms/backup/sha256.h"

namespace kms::backup {

class Check {
 public:
  struct Sink {
    // Either may be empty. An error ends the check.
    std::function<base::Result<void>(const Header& header)> header;
    std::function<base::Result<void>(const ChunkHead& head, base::BytesView data)> chunk;
  };
  explicit Check(Sink sink) : sink_(std::move(sink)) {}

  // Errors: Corrupt, which names the chunk and the byte of the backup where it begins; Unsupported; the
  // sink's. After an error nothing more is taken.
  base::Result<void> feed(base::BytesView piece);
  // To be called at the end. Errors: Corrupt (cut off, or chunks that the header does not vouch for).
  base::Result<void> finish();

  const std::optional<Header>& header() const noexcept { return header_; }
  std::uint64_t taken() const noexcept { return at_ + buffer_.size(); }  // bytes so far

 private:
  std::size_t wanted() const;
  base::Result<void> takeHeader();
  base::Result<void> takeChunk();
  base::Error wrong(const std::string& what) const;
  base::Error goesOn() const;

  const Sink sink_;
  base::Bytes buffer_;    // of what begins at at_
  std::uint64_t at_ = 0;  // where the header or the chunk begins that is being read
  std::size_t headerLength_ = 0;
  std::optional<Header> header_;
  std::optional<ChunkHead> head_;  // of the chunk being read
  ChunkHead last_{};               // of the one before; number 0: none
  Sha256 root_;
  bool failed_ = false;
};

}  // namespace kms::backup
