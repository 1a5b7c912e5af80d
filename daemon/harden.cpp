#include "daemon/harden.h"

#include <openssl/crypto.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cerrno>
#include <csignal>

#include "hal/base/file.h"

namespace kmsd {
namespace {

// What OpenSSL keeps of keys while the server is open is a few kilobytes; the smallest block is an AES key's.
constexpr std::size_t kSecureHeap = 256 * 1024;  // bytes, a power of two
constexpr std::size_t kSmallestBlock = 32;

}  // namespace

base::Result<void> harden() {
  ::umask(077);
  if (std::signal(SIGPIPE, SIG_IGN) == SIG_ERR) return base::systemError("signal SIGPIPE", errno);
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return base::systemError("prctl PR_SET_DUMPABLE", errno);
  const rlimit none{0, 0};
  if (::setrlimit(RLIMIT_CORE, &none) != 0) return base::systemError("setrlimit RLIMIT_CORE", errno);
  rlimit locked{};
  if (::getrlimit(RLIMIT_MEMLOCK, &locked) != 0) return base::systemError("getrlimit RLIMIT_MEMLOCK", errno);
  locked.rlim_cur = locked.rlim_max;
  if (::setrlimit(RLIMIT_MEMLOCK, &locked) != 0) return base::systemError("setrlimit RLIMIT_MEMLOCK", errno);
  // 1: made and locked; 2: made, but not locked, which is refused.
  if (CRYPTO_secure_malloc_initialized() == 0 && CRYPTO_secure_malloc_init(kSecureHeap, kSmallestBlock) != 1)
    return base::Error{base::Code::Unavailable,
                       "memory for keys cannot be locked; raise the limit (ulimit -l, LimitMEMLOCK=)"};
  return {};
}

}  // namespace kmsd
