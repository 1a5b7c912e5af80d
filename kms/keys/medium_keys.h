// MediumKeys: what is needed of the open keys to note the state on a medium, and seldom otherwise. All
// OpenKeys of a vault are these, too. Safe to use from several threads.
#pragma once

#include "kms/keys/open_keys.h"

namespace kms {

class MediumKeys {
 public:
  virtual ~MediumKeys() = default;
  // Of the state that is noted on a medium, under a key of its own.
  virtual Mac mediumMac(base::BytesView message) = 0;
  // The sealing epoch that this unsealing began.
  virtual std::int64_t epoch() const noexcept = 0;
};

}  // namespace kms
