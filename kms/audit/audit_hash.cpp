// SHA-256 of lines, over OpenSSL; a context a thread, because making one costs more than a line.
#include <openssl/evp.h>

#include <cstdlib>
#include <memory>

#include "kms/audit/audit_line.h"

namespace kms {
namespace {

struct Free {
  void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
  void operator()(EVP_MD* digest) const noexcept { EVP_MD_free(digest); }
};

}  // namespace

AuditHash auditHash(std::string_view line) {
  thread_local const std::unique_ptr<EVP_MD, Free> digest(EVP_MD_fetch(nullptr, "SHA256", nullptr));
  thread_local const std::unique_ptr<EVP_MD_CTX, Free> context(EVP_MD_CTX_new());
  AuditHash out{};
  unsigned size = 0;
  // A hash that was not made must never pass for one.
  if (!digest || !context || EVP_DigestInit_ex2(context.get(), digest.get(), nullptr) != 1 ||
      EVP_DigestUpdate(context.get(), line.data(), line.size()) != 1 ||
      EVP_DigestFinal_ex(context.get(), reinterpret_cast<unsigned char*>(out.data()), &size) != 1 ||
      size != out.size())
    std::abort();
  return out;
}

}  // namespace kms
