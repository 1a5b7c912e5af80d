// TokenSequence: the numbers that tokens' rows are keyed by. None is ever given twice, over restarts and
// failed transactions alike: they are taken from blocks that were reserved in the store first. Only write
// jobs use it, and they run one after the other.
#pragma once

#include <atomic>
#include <cstdint>

#include "kms/store/store.h"

namespace kms {

class TokenSequence {
 public:
  static constexpr std::int64_t kBlock = 4096;
  static constexpr std::string_view kReserved = "token_sequence_reserved";

  // The next number, from 1. After a restart the rest of the last block stays unused.
  base::Result<std::int64_t> take(Txn& txn);
  // What the next one will be at least: all that were given so far are lower.
  base::Result<std::int64_t> mark(StoreReader& reader);

 private:
  base::Result<std::int64_t> reserved(StoreReader& reader);
  std::atomic<std::int64_t> next_{0};  // 0: not known since the start
};

}  // namespace kms
