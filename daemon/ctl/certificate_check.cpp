#include "daemon/ctl/certificate_check.h"

#include <openssl/x509.h>

#include <memory>
#include <new>

namespace kmsd::ctl {
namespace {

using base::Code;
using base::Error;

template <auto free>
struct Free {
  template <class T>
  void operator()(T* one) const noexcept {
    free(one);
  }
};
using X509Ptr = std::unique_ptr<X509, Free<X509_free>>;
using StorePtr = std::unique_ptr<X509_STORE, Free<X509_STORE_free>>;
using ContextPtr = std::unique_ptr<X509_STORE_CTX, Free<X509_STORE_CTX_free>>;

X509Ptr read(base::BytesView der) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  return X509Ptr(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
}

}  // namespace

base::Result<void> checkIssued(base::BytesView certificate, const std::vector<kms::pki::Certificate>& chain,
                               const kms::pki::PublicKey& key) {
  const auto parsed = kms::pki::parseCertificate(certificate);
  if (!parsed) return parsed.error();
  if (parsed->key != key.hash())
    return Error{Code::Invalid, "the certificate that the server sent is for another key"};
  if (chain.empty()) return Error{Code::Invalid, "the server sent no certificate of its authority"};
  const X509Ptr leaf = read(certificate);
  const X509Ptr authority = read(chain.front().der);
  const StorePtr store(X509_STORE_new());
  const ContextPtr context(X509_STORE_CTX_new());
  if (!leaf || !authority || !store || !context) throw std::bad_alloc();
  // A subordinate authority is trusted as it was pinned, whoever stands above it.
  X509_STORE_set_flags(store.get(), X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_X509_STRICT);
  if (X509_STORE_add_cert(store.get(), authority.get()) != 1 ||
      X509_STORE_CTX_init(context.get(), store.get(), leaf.get(), nullptr) != 1)
    throw std::bad_alloc();
  if (X509_verify_cert(context.get()) == 1) return {};
  return Error{Code::Invalid,
               "the certificate that the server sent does not hold: " +
                   std::string(X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get())))};
}

}  // namespace kmsd::ctl
