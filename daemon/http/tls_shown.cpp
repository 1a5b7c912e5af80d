#include "daemon/http/tls_shown.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <new>

#include "daemon/http/tls_certificate.h"

namespace kmsd::http {
namespace {

Certificate parse(base::BytesView der) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  return Certificate(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
}

}  // namespace

// OpenSSL's form of what was shown last: reading it costs more than the handshake's signature.
struct ShownCertificate::Parsed {
  struct FreeStack {
    void operator()(STACK_OF(X509) * stack) const noexcept { sk_X509_pop_free(stack, X509_free); }
  };
  base::Bytes der;
  std::vector<base::Bytes> above;
  Certificate own;
  std::unique_ptr<STACK_OF(X509), FreeStack> chain{sk_X509_new_null()};
};

ShownCertificate::ShownCertificate(const kms::pki::ServerCertificate* source) : source_(source) {}
ShownCertificate::~ShownCertificate() = default;

std::shared_ptr<const ShownCertificate::Parsed> ShownCertificate::parsed(
    const kms::pki::ServerIdentity& identity) const {
  const std::lock_guard lock(mutex_);
  if (last_ && last_->der == identity.own.certificate.der && last_->above == identity.chain) return last_;
  auto fresh = std::make_shared<Parsed>();
  fresh->der = identity.own.certificate.der;
  fresh->above = identity.chain;
  fresh->own = parse(fresh->der);
  if (!fresh->own) return nullptr;
  if (!fresh->chain) throw std::bad_alloc();
  for (const base::Bytes& der : identity.chain) {
    Certificate above = parse(der);
    if (!above) return nullptr;
    if (sk_X509_push(fresh->chain.get(), above.get()) <= 0) throw std::bad_alloc();
    static_cast<void>(above.release());
  }
  last_ = std::move(fresh);
  return last_;
}

std::optional<ShownCertificate::Hold> ShownCertificate::show(ssl_st* to) const {
  if (source_ == nullptr) return std::nullopt;
  auto hold = source_->hold();
  if (!hold) return std::nullopt;
  const auto now = parsed(**hold);
  if (!now || SSL_use_cert_and_key(to, now->own.get(), (*hold)->own.key.raw(), now->chain.get(), 1) != 1)
    return std::nullopt;
  return hold;
}

void ShownCertificate::forget(ssl_st* from) noexcept { SSL_certs_clear(from); }

}  // namespace kmsd::http
