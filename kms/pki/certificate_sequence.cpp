#include "kms/pki/certificate_sequence.h"

#include <algorithm>

namespace kms::pki {

base::Result<std::int64_t> CertificateSequence::reserve(Txn& txn, std::int64_t count) {
  auto stored = txn.number(kReserved);
  if (!stored) return std::move(stored).error();
  const std::int64_t first = std::max<std::int64_t>(stored->value_or(1), 1);
  if (auto set = txn.setNumber(kReserved, first + count); !set) return std::move(set).error();
  return first;
}

base::Result<std::int64_t> CertificateSequence::take(Store& store) {
  const std::lock_guard lock(mutex_);
  if (next_ == end_) {
    std::int64_t first = 0;
    auto done = store.writeAndWait([&first](Txn& txn) -> base::Result<void> {
      auto reserved = reserve(txn, kBlock);
      if (!reserved) return std::move(reserved).error();
      first = *reserved;
      return {};
    });
    if (!done) return std::move(done).error();
    next_ = first;
    end_ = first + kBlock;
  }
  return next_++;
}

}  // namespace kms::pki
