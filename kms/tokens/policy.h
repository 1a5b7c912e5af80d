// Policy: every default and limit of users and tokens, in one place.
#pragma once

#include <chrono>
#include <cstddef>

namespace kms {

struct Policy {
  std::chrono::seconds accessTtl = std::chrono::hours(24);  // where an issue request names none
  std::chrono::seconds accessTtlMost = std::chrono::hours(24 * 366);
  std::chrono::seconds accessLifeMost =
      std::chrono::hours(24 * 366);  // renewals never pass issue time plus this
  std::chrono::seconds oneTimeTtl = std::chrono::hours(72);
  std::chrono::seconds oneTimeTtlMost = std::chrono::hours(24 * 14);
  std::chrono::seconds clockBackMost = std::chrono::minutes(5);  // behind the last durable time: no issuing
  unsigned recoveryApprovals = 0;  // different administrators for a recover token, the asker one; 0, 1: none
  std::chrono::seconds approvalLife = std::chrono::hours(24);  // of a request for approvals
  std::size_t approvalsMost = 256;                             // requests that are kept
  unsigned freeTries = 4;              // wrong one-time tokens of a name before delays start
  std::chrono::seconds delayFirst{1};  // doubles with each further one
  std::chrono::seconds delayMost{60};
  std::chrono::seconds triesForgotten = std::chrono::hours(1);  // after the last wrong try
  std::size_t throttledNames = 4096;                            // remembered; the least recent gives way
  std::size_t nameMost = 255;                                   // bytes of UTF-8
  std::size_t scopesMost = 16;                                  // scopes of a token
  std::size_t scopeMost = 64;                                   // bytes of one
  std::size_t dnsMost = 16;                                     // DNS names of a user
  std::uint32_t usesMost = 1'000'000;
  std::size_t pageMost = 1000;  // items of a list answer
  std::size_t page = 100;
  std::size_t bulkBatch = 256;  // items of a bulk request
  std::chrono::seconds expiredKept =
      std::chrono::hours(24 * 7);  // rows, so that a clock that leapt and was mended costs none
  std::size_t tidyBatch = 256;     // rows looked at in one tidying transaction
};

}  // namespace kms
