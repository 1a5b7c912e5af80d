// What the kernel tells of a process: for tests that look for leaks.
#pragma once

#include <sys/types.h>

#include <cstddef>

namespace tests {

std::size_t residentKilobytes(pid_t pid);  // VmRSS
std::size_t openDescriptors(pid_t pid);
std::size_t threadCount(pid_t pid);

}  // namespace tests
