#include "kms/backup/sha256.h"

#include <openssl/evp.h>

#include <cstdlib>

namespace kms::backup {

void Sha256::Free::operator()(evp_md_ctx_st* context) const noexcept { EVP_MD_CTX_free(context); }

Sha256::Sha256() : context_(EVP_MD_CTX_new()) { begin(); }

// A hash that was not made must never pass for one, so every failure (memory, no such digest) ends the
// program.
void Sha256::begin() {
  if (!context_ || EVP_DigestInit_ex2(context_.get(), EVP_sha256(), nullptr) != 1) std::abort();
}

Sha256& Sha256::add(base::BytesView bytes) {
  if (EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) != 1) std::abort();
  return *this;
}

Hash Sha256::take() {
  Hash out{};
  unsigned size = 0;
  if (EVP_DigestFinal_ex(context_.get(), reinterpret_cast<unsigned char*>(out.data()), &size) != 1 ||
      size != out.size())
    std::abort();
  begin();
  return out;
}

}  // namespace kms::backup
