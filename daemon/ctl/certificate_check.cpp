#include "daemon/ctl/certificate_check.h"

#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <memory>
#include <new>

namespace kmsd::ctl {
namespace {

using base::Code;
using base::Error;
using base::Result;
using kms::pki::Certificate;

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
struct FreeStack {
  void operator()(STACK_OF(X509) * stack) const noexcept { sk_X509_pop_free(stack, X509_free); }
};
using StackPtr = std::unique_ptr<STACK_OF(X509), FreeStack>;

X509Ptr read(const Certificate& certificate) {
  const auto* at = reinterpret_cast<const unsigned char*>(certificate.der.data());
  X509Ptr read(d2i_X509(nullptr, &at, static_cast<long>(certificate.der.size())));
  if (!read) throw std::bad_alloc();  // it has been parsed before
  return read;
}

StorePtr storeOf(const std::vector<Certificate>& trusted) {
  StorePtr store(X509_STORE_new());
  if (!store) throw std::bad_alloc();
  for (const Certificate& one : trusted)
    if (X509_STORE_add_cert(store.get(), read(one).get()) != 1) throw std::bad_alloc();
  // A subordinate authority is trusted as it was pinned, whoever stands above it.
  X509_STORE_set_flags(store.get(), X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_X509_STRICT);
  return store;
}

StackPtr stackOf(const std::vector<Certificate>& certificates) {
  StackPtr stack(sk_X509_new_null());
  if (!stack) throw std::bad_alloc();
  for (const Certificate& one : certificates) {
    X509Ptr next = read(one);
    // Who signed itself leads nowhere; beside a link to what is trusted it would be tried first, and alone.
    if (X509_self_signed(next.get(), 0) == 1) continue;
    if (sk_X509_push(stack.get(), next.get()) == 0) throw std::bad_alloc();
    static_cast<void>(next.release());
  }
  return stack;
}

// OpenSSL's bits stand in the byte as RFC 5280 numbers them, from the highest on.
std::uint32_t opensslUse(std::uint16_t use) {
  std::uint32_t out = 0;
  for (unsigned bit = 0; bit < 8; ++bit)
    if ((use >> bit & 1U) != 0) out |= 0x80U >> bit;
  return out;
}

// X509_V_OK, or what is wrong with the way from `leaf` to one of `trusted`.
int lead(X509* leaf, const std::vector<Certificate>& trusted, const std::vector<Certificate>& between) {
  const StorePtr store = storeOf(trusted);
  const StackPtr untrusted = stackOf(between);
  const ContextPtr context(X509_STORE_CTX_new());
  if (!context || X509_STORE_CTX_init(context.get(), store.get(), leaf, untrusted.get()) != 1)
    throw std::bad_alloc();
  const bool good = X509_verify_cert(context.get()) == 1;
  return good ? X509_V_OK : X509_STORE_CTX_get_error(context.get());
}

Result<void> checkUse(X509* certificate, const kms::pki::PublicKey& key, kms::pki::Profile profile) {
  const auto& wanted = kms::pki::row(profile);
  const std::uint32_t needed = opensslUse(key.isRsa() ? wanted.keyUseRsa : wanted.keyUse);
  const std::uint32_t use = X509_get_key_usage(certificate);
  const std::uint32_t extended = X509_get_extended_key_usage(certificate);
  const bool mail = (wanted.extendedUse & kms::pki::kEmailProtection) == 0 || (extended & XKU_SMIME) != 0;
  const bool client = (wanted.extendedUse & kms::pki::kClientAuth) == 0 || (extended & XKU_SSL_CLIENT) != 0;
  if (X509_check_ca(certificate) != 0 || (use & (KU_KEY_CERT_SIGN | KU_CRL_SIGN)) != 0)
    return Error{Code::Invalid, "the certificate that the server sent is an authority's"};
  if (use == UINT32_MAX || extended == UINT32_MAX || (use & needed) != needed || !mail || !client)
    return Error{Code::Invalid, "the certificate that the server sent is not one of the profile " +
                                    std::string(wanted.name)};
  return {};
}

}  // namespace

Result<void> checkIssued(const Certificate& certificate, const std::vector<Certificate>& trusted,
                         const std::vector<Certificate>& between, const kms::pki::PublicKey& key,
                         kms::pki::Profile profile) {
  if (certificate.key != key.hash())
    return Error{Code::Invalid, "the certificate that the server sent is for another key"};
  const X509Ptr leaf = read(certificate);
  if (const int wrong = lead(leaf.get(), trusted, between); wrong != X509_V_OK)
    return Error{Code::Invalid, "the certificate that the server sent does not hold: " +
                                    std::string(X509_verify_cert_error_string(wrong))};
  return checkUse(leaf.get(), key, profile);
}

bool vouchesFor(const Certificate& known, const Certificate& next, const std::vector<Certificate>& links) {
  if (X509_self_signed(read(next).get(), 1) != 1) return false;
  return std::ranges::any_of(links, [&](const Certificate& link) {
    return link.key == next.key && link.subject == next.subject && link.authority &&
           lead(read(link).get(), {known}, links) == X509_V_OK;
  });
}

}  // namespace kmsd::ctl
