#include "kms/pki/digest.h"

#include <openssl/evp.h>

#include <cstdlib>
#include <memory>

namespace kms::pki {
namespace {

using Method = std::unique_ptr<EVP_MD, decltype(&EVP_MD_free)>;

// What cannot fail ends the process where it does: a digest that was not made must never pass for one.
template <std::size_t kSize>
std::array<std::byte, kSize> digest(const Method& method, base::BytesView data) {
  std::array<std::byte, kSize> out{};
  unsigned int size = 0;
  if (!method || EVP_Digest(data.data(), data.size(), reinterpret_cast<unsigned char*>(out.data()), &size,
                            method.get(), nullptr) != 1)
    std::abort();
  return out;
}

}  // namespace

std::array<std::byte, 32> sha256(base::BytesView data) {
  static const Method method(EVP_MD_fetch(nullptr, "SHA256", nullptr), EVP_MD_free);
  return digest<32>(method, data);
}

std::array<std::byte, 20> sha1(base::BytesView data) {
  static const Method method(EVP_MD_fetch(nullptr, "SHA1", nullptr), EVP_MD_free);
  return digest<20>(method, data);
}

}  // namespace kms::pki
