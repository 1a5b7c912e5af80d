// Rng: randomness as a parameter, so that tests can fix it.
#pragma once

#include <cstddef>
#include <span>

namespace base {

class Rng {
 public:
  virtual ~Rng() = default;
  virtual void fill(std::span<std::byte> out) = 0;
};

// The kernel's getrandom(2). Safe to use from several threads.
Rng& systemRng();

}  // namespace base
