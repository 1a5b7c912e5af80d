// The one form of a passphrase. libunistring normalises: it is small, C, on most hosts already, and writes
// into memory of ours.
#include <uninorm.h>

#include <cstdlib>

#include "daemon/passphrase.h"
#include "hal/base/utf8.h"
#include "kms/keys/crypto.h"

namespace kmsd {
namespace {

using base::Code;
using base::Error;
using base::Result;
using base::SecretBuffer;

constexpr std::size_t kGrowth = 3;  // how much longer NFC can be than what it is made of, in UTF-8 (UAX #15)

Error invalid(const char* what) { return {Code::Invalid, what}; }

// A frame of its own, so that what the library left on the stack lies below it.
[[gnu::noinline]] Result<SecretBuffer> normalise(base::BytesView typed) {
  auto normal = SecretBuffer::create(kGrowth * typed.size());
  if (!normal) return normal;
  const auto* in = reinterpret_cast<const std::uint8_t*>(typed.data());
  auto* const out = reinterpret_cast<std::uint8_t*>(normal->bytes().data());
  std::size_t size = normal->size();
  std::uint8_t* const made = u8_normalize(UNINORM_NFC, in, typed.size(), out, &size);
  if (made == nullptr) return Error{Code::Unavailable, "there is no memory to normalise the passphrase"};
  if (made == out) {
    normal->shrink(size);
    return normal;
  }
  auto copy = SecretBuffer::copyOf({reinterpret_cast<const std::byte*>(made), size});
  base::wipe({reinterpret_cast<std::byte*>(made), size});
  std::free(made);
  return copy;
}

}  // namespace

Result<SecretBuffer> normalPassphrase(base::BytesView typed) {
  constexpr const char* kTooLong = "a passphrase is at most 1024 bytes of UTF-8";
  if (typed.empty()) return invalid("the passphrase is empty");
  if (typed.size() > kMaxPassphrase) return invalid(kTooLong);
  if (!base::validUtf8(base::asText(typed))) return invalid("the passphrase is no UTF-8");
  if (base::hasControl(base::asText(typed))) return invalid("the passphrase has control characters");
  auto normal = normalise(typed);
  kms::wipeStack();
  if (normal && normal->size() > kMaxPassphrase) return invalid(kTooLong);
  return normal;
}

}  // namespace kmsd
