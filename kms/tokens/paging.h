// Paging: the limit of a list answer.
#pragma once

#include <string>

#include "hal/base/result.h"
#include "kms/tokens/policy.h"

namespace kms {

// Errors: Invalid above policy.pageMost.
inline base::Result<std::size_t> pageLimit(std::size_t limit, const Policy& policy) {
  if (limit > policy.pageMost)
    return base::Error{base::Code::Invalid, "the limit must be from 1 to " + std::to_string(policy.pageMost)};
  return limit == 0 ? policy.page : limit;
}

inline base::Error badAfter() {
  return {base::Code::Invalid, "the value of after must be what next said in the page before"};
}

}  // namespace kms
