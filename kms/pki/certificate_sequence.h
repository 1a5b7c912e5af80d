// CertificateSequence: the numbers that certificates' rows are keyed by. None is ever given twice, over
// restarts and failed transactions alike, and however many of these there are: a block of them is reserved in
// the store before any is given. Safe to use from several threads.
#pragma once

#include <cstdint>
#include <mutex>

#include "kms/store/store.h"

namespace kms::pki {

class CertificateSequence {
 public:
  static constexpr std::int64_t kBlock = 4096;
  static constexpr std::string_view kReserved = "certificate_sequence_reserved";

  // The next number, from 1, ahead of the job that uses it; one call in kBlock waits for a write. REQUIRES:
  // this thread is in no job and has no Vault::Hold.
  base::Result<std::int64_t> take(Store& store);
  // The first of `count` numbers, within a job.
  static base::Result<std::int64_t> reserve(Txn& txn, std::int64_t count);

 private:
  std::mutex mutex_;
  std::int64_t next_ = 0;
  std::int64_t end_ = 0;  // behind the block
};

}  // namespace kms::pki
