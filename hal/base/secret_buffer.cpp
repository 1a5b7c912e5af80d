#include "hal/base/secret_buffer.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <utility>

namespace base {

Result<SecretBuffer> SecretBuffer::create(std::size_t size) {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::size_t mapped = std::max<std::size_t>(1, (size + page - 1) / page) * page;
  void* at = ::mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED)
    return Error{Code::Unavailable, "no memory for a secret: " + std::string(std::strerror(errno))};
  if (::mlock(at, mapped) != 0 || ::madvise(at, mapped, MADV_DONTDUMP) != 0 ||
      ::madvise(at, mapped, MADV_WIPEONFORK) != 0) {
    const int reason = errno;
    ::munmap(at, mapped);
    return Error{Code::Unavailable, "cannot lock memory for a secret (" + std::string(std::strerror(reason)) +
                                        "); raise the limit: ulimit -l, or LimitMEMLOCK= in the unit"};
  }
  return SecretBuffer(static_cast<std::byte*>(at), size, mapped);
}

Result<SecretBuffer> SecretBuffer::copyOf(BytesView from) {
  auto copy = create(from.size());
  if (copy) std::copy(from.begin(), from.end(), copy->bytes().begin());
  return copy;
}

SecretBuffer::SecretBuffer(SecretBuffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      mapped_(std::exchange(other.mapped_, 0)) {}

SecretBuffer& SecretBuffer::operator=(SecretBuffer&& other) noexcept {
  if (this == &other) return *this;
  clear();
  data_ = std::exchange(other.data_, nullptr);
  size_ = std::exchange(other.size_, 0);
  mapped_ = std::exchange(other.mapped_, 0);
  return *this;
}

SecretBuffer::~SecretBuffer() { clear(); }

void SecretBuffer::shrink(std::size_t size) noexcept {
  assert(size <= size_);
  wipe(bytes().subspan(size));
  size_ = size;
}

void SecretBuffer::clear() noexcept {
  if (data_ == nullptr) return;
  wipe({data_, mapped_});
  ::munmap(data_, mapped_);  // also unlocks
  data_ = nullptr;
  size_ = mapped_ = 0;
}

}  // namespace base
