#include "kms/tokens/token_sequence.h"

#include <algorithm>

namespace kms {

// The durable mark is read in each job, not remembered: a job that raised it may have been undone.
base::Result<std::int64_t> TokenSequence::reserved(StoreReader& reader) {
  auto stored = reader.number(kReserved);
  if (!stored) return std::move(stored).error();
  const std::int64_t mark = std::max<std::int64_t>(stored->value_or(1), 1);
  if (next_ == 0) next_ = mark;
  return mark;
}

base::Result<std::int64_t> TokenSequence::take(Txn& txn) {
  auto mark = reserved(txn);
  if (!mark) return std::move(mark).error();
  const std::int64_t taken = next_;
  if (taken >= *mark)
    if (auto raised = txn.setNumber(kReserved, taken + kBlock); !raised) return std::move(raised).error();
  next_ = taken + 1;
  return taken;
}

base::Result<std::int64_t> TokenSequence::mark(StoreReader& reader) {
  auto mark = reserved(reader);
  if (!mark) return std::move(mark).error();
  return next_.load();
}

}  // namespace kms
