// What a run of the tests is told from outside, by tests/run.sh.
#pragma once

#include <cstdint>

namespace tests {

// The number in the environment variable `name`; where there is none, `plain`, or `sanitized` in a build with
// a sanitizer, which is several times slower.
std::uint64_t setting(const char* name, std::uint64_t plain, std::uint64_t sanitized);

}  // namespace tests
