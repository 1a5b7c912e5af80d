#include "daemon/http/tls_own.h"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <new>

#include "daemon/http/tls_certificate.h"

namespace kmsd::http {
namespace {

using base::Code;
using base::Error;

struct FreeStack {
  void operator()(STACK_OF(X509) * stack) const noexcept { sk_X509_pop_free(stack, X509_free); }
};

// The authority among `own` whose name and key identifier `leaf` gives as its issuer's.
bool issuedByOne(STACK_OF(X509) * own, X509* leaf) {
  for (int i = 0; i < sk_X509_num(own); ++i)
    if (X509_check_issued(sk_X509_value(own, i), leaf) == X509_V_OK) return true;
  return false;
}

// In place of X509_verify_cert: the store of `context` knows the other authorities only.
int verify(X509_STORE_CTX* context, void* own) {
  auto* const authorities = static_cast<STACK_OF(X509)*>(own);
  if (issuedByOne(authorities, X509_STORE_CTX_get0_cert(context))) {
    X509_STORE_CTX_set0_trusted_stack(context, authorities);
    X509_VERIFY_PARAM* const how = X509_STORE_CTX_get0_param(context);
    X509_VERIFY_PARAM_clear_flags(how, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
    X509_VERIFY_PARAM_set_flags(how, X509_V_FLAG_PARTIAL_CHAIN);
    if (X509_VERIFY_PARAM_set_purpose(how, X509_PURPOSE_SSL_CLIENT) != 1) return 0;
  }
  return X509_verify_cert(context);
}

}  // namespace

struct OwnAuthorities::Content {
  std::unique_ptr<STACK_OF(X509), FreeStack> all{sk_X509_new_null()};
};

OwnAuthorities::OwnAuthorities(std::unique_ptr<Content> content) : content_(std::move(content)) {}
OwnAuthorities::~OwnAuthorities() = default;

base::Result<std::unique_ptr<OwnAuthorities>> OwnAuthorities::create(
    const std::vector<base::Bytes>& certificates) {
  auto content = std::make_unique<Content>();
  if (!content->all) throw std::bad_alloc();
  for (const base::Bytes& der : certificates) {
    const auto* at = reinterpret_cast<const unsigned char*>(der.data());
    Certificate one(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
    if (!one)
      return Error{Code::Invalid, "the authority's certificate cannot be used for TLS: " + tlsComplaint()};
    if (sk_X509_push(content->all.get(), one.get()) <= 0) throw std::bad_alloc();
    static_cast<void>(one.release());
  }
  return std::unique_ptr<OwnAuthorities>(new OwnAuthorities(std::move(content)));
}

bool OwnAuthorities::empty() const noexcept { return sk_X509_num(content_->all.get()) == 0; }

base::Result<void> OwnAuthorities::use(ssl_ctx_st* to) const {
  if (empty()) return {};
  for (int i = 0; i < sk_X509_num(content_->all.get()); ++i)
    if (SSL_CTX_add_client_CA(to, sk_X509_value(content_->all.get(), i)) != 1) throw std::bad_alloc();
  SSL_CTX_set_cert_verify_callback(to, verify, content_->all.get());
  return {};
}

bool OwnAuthorities::signedPeerOf(const ssl_st* connection) const {
  STACK_OF(X509)* const chain = SSL_get0_verified_chain(connection);
  const int length = chain != nullptr ? sk_X509_num(chain) : 0;
  if (length < 2) return false;
  const X509* const top = sk_X509_value(chain, length - 1);
  for (int i = 0; i < sk_X509_num(content_->all.get()); ++i)
    if (X509_cmp(top, sk_X509_value(content_->all.get(), i)) == 0) return true;
  return false;
}

}  // namespace kmsd::http
