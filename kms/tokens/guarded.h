// guarded: keeps the one exception that secrets in locked memory can raise inside this folder.
#pragma once

#include <new>

#include "hal/base/result.h"

namespace kms {

// Runs `work`, which gives a Result; where memory runs out, in the locked pool first of all, gives
// Unavailable.
template <class Work>
auto guarded(Work work) -> decltype(work()) try {
  return work();
} catch (const std::bad_alloc&) {
  return base::Error{base::Code::Unavailable,
                     "out of locked memory; try again, or raise the memory lock limit"};
}

}  // namespace kms
