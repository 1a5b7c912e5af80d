// SecretBuffer: the home of keys, PINs and passphrases. Own pages, locked in memory or refused, left out of
// core dumps and of forked children, wiped on destruction. Not thread-safe; moving hands the pages over.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "hal/base/bytes.h"
#include "hal/base/result.h"

namespace base {

class SecretBuffer {
 public:
  // `size` bytes, all zero. Errors: Unavailable where the pages cannot be locked (RLIMIT_MEMLOCK), never a
  // fallback.
  static Result<SecretBuffer> create(std::size_t size);
  // A copy of `from`, which stays the caller's to wipe.
  static Result<SecretBuffer> copyOf(BytesView from);

  SecretBuffer() = default;
  SecretBuffer(SecretBuffer&& other) noexcept;
  SecretBuffer& operator=(SecretBuffer&& other) noexcept;
  SecretBuffer(const SecretBuffer&) = delete;
  SecretBuffer& operator=(const SecretBuffer&) = delete;
  ~SecretBuffer();

  std::span<std::byte> bytes() noexcept { return {data_, size_}; }
  BytesView bytes() const noexcept { return {data_, size_}; }
  std::string_view text() const noexcept { return asText(bytes()); }
  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }

  // Keeps the first `size` bytes and wipes the rest. REQUIRES: size <= size().
  void shrink(std::size_t size) noexcept;
  void clear() noexcept;

 private:
  SecretBuffer(std::byte* data, std::size_t size, std::size_t mapped) noexcept
      : data_(data), size_(size), mapped_(mapped) {}
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t mapped_ = 0;  // bytes of whole pages
};

}  // namespace base
