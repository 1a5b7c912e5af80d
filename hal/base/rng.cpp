#include "hal/base/rng.h"

#include <sys/random.h>

#include <cerrno>
#include <cstdlib>

namespace base {
namespace {

class SystemRng final : public Rng {
 public:
  void fill(std::span<std::byte> out) override {
    while (!out.empty()) {
      const ssize_t got = ::getrandom(out.data(), out.size(), 0);
      if (got > 0) {
        out = out.subspan(static_cast<std::size_t>(got));
      } else if (errno != EINTR) {
        std::abort();  // a kernel without randomness: no key or nonce may be made
      }
    }
  }
};

}  // namespace

Rng& systemRng() {
  static SystemRng rng;
  return rng;
}

}  // namespace base
