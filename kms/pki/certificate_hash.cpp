#include <openssl/evp.h>

#include <array>

#include "kms/pki/certificate_core.h"

namespace kms::pki {

bool isHashOf(base::BytesView hash, base::BytesView data) {
  const EVP_MD* method = nullptr;
  if (hash.size() == 32) method = EVP_sha256();
  if (hash.size() == 48) method = EVP_sha384();
  if (hash.size() == 64) method = EVP_sha512();
  std::array<std::byte, EVP_MAX_MD_SIZE> made{};
  unsigned int size = 0;
  if (method == nullptr || EVP_Digest(data.data(), data.size(), reinterpret_cast<unsigned char*>(made.data()),
                                      &size, method, nullptr) != 1)
    return false;
  return base::equalConstantTime(hash, base::BytesView(made).first(size));
}

}  // namespace kms::pki
