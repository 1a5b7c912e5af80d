#include "kms/pki/authority_chain.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <memory>
#include <new>

#include "kms/pki/name.h"
#include "kms/pki/oids.h"
#include "kms/pki/subject.h"

namespace kms::pki {
namespace {

constexpr std::size_t kTextMost = 128;         // characters of an attribute of a name, RFC 5280, appendix A.1
constexpr std::size_t kShortMost = 64;         // of CN and O
constexpr std::size_t kChainMost = 15;         // certificates above ours
constexpr std::size_t kBytesMost = 96 * 1024;  // of all of them: they stand in one row
constexpr int kStrength = 2;                   // OpenSSL's level: 112 bits

template <auto free>
struct Free {
  template <class T>
  void operator()(T* one) const noexcept {
    free(one);
  }
};
void freeAll(STACK_OF(X509) * all) noexcept { sk_X509_pop_free(all, X509_free); }
using X509Ptr = std::unique_ptr<X509, Free<X509_free>>;
using StackPtr = std::unique_ptr<STACK_OF(X509), Free<freeAll>>;
using StorePtr = std::unique_ptr<X509_STORE, Free<X509_STORE_free>>;
using ContextPtr = std::unique_ptr<X509_STORE_CTX, Free<X509_STORE_CTX_free>>;

base::Error invalid(std::string what) {
  ERR_clear_error();
  return {base::Code::Invalid, std::move(what)};
}

base::Result<X509Ptr> read(const Certificate& certificate) {
  const auto* at = reinterpret_cast<const unsigned char*>(certificate.der.data());
  X509Ptr one(d2i_X509(nullptr, &at, static_cast<long>(certificate.der.size())));
  if (!one) return invalid("a certificate in the chain is malformed: " + shownName(certificate.subject));
  return one;
}

std::size_t characters(std::string_view utf8) {
  return static_cast<std::size_t>(
      std::ranges::count_if(utf8, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

// Its name stands in all that it signs.
base::Result<void> checkName(const Certificate& own) {
  const auto attributes = readName(own.subject);
  if (!attributes || attributes->empty()) return invalid("the authority's certificate has no name");
  for (const NameAttribute& attribute : *attributes) {
    const auto type = base::asText(attribute.type);
    const bool brief = type == oid::kCommonName || type == oid::kOrganisation;
    if (!attribute.text || attribute.text->empty())
      return invalid("a part of the authority's name is no text, or holds control characters");
    if (characters(*attribute.text) > (brief ? kShortMost : kTextMost))
      return invalid(
          "a part of the authority's name is too long: a common name and an organisation have at "
          "most 64 characters, other parts 128");
  }
  return {};
}

base::Result<void> checkUse(X509& own) {
  const std::uint32_t flags = X509_get_extension_flags(&own);
  if ((flags & EXFLAG_INVALID) != 0) return invalid("the certificate has extensions that are malformed");
  if ((flags & EXFLAG_CA) == 0)
    return invalid("the certificate is none of an authority: it needs basicConstraints CA:TRUE");
  constexpr std::uint32_t kNeeded = KU_KEY_CERT_SIGN | KU_CRL_SIGN;
  if ((flags & EXFLAG_KUSAGE) == 0 || (X509_get_key_usage(&own) & kNeeded) != kNeeded)
    return invalid(
        "the certificate may not sign certificates and CRLs: it needs keyUsage keyCertSign and "
        "cRLSign");
  return {};
}

// OpenSSL looks at path lengths as if ours were a user's certificate; it is to sign such ones.
base::Result<void> checkLengths(const STACK_OF(X509) & chain) {
  long below = 1;  // authorities, without those that only changed their key
  for (int i = 1; i < sk_X509_num(&chain); ++i) {
    X509* const one = sk_X509_value(&chain, i);
    const long most = X509_get_pathlen(one);
    if (most >= 0 && below > most)
      return invalid(
          "an authority in the chain may not have this one below it: its path length is too small");
    if ((X509_get_extension_flags(one) & EXFLAG_SI) == 0) ++below;
  }
  return {};
}

struct Parts {
  StorePtr roots{X509_STORE_new()};
  StackPtr others{sk_X509_new_null()};
  bool hasRoot = false;
};

base::Result<Parts> sortOut(const std::vector<Certificate>& given) {
  Parts parts;
  if (!parts.roots || !parts.others) throw std::bad_alloc();
  for (const Certificate& one : given) {
    auto parsed = read(one);
    if (!parsed) return std::move(parsed).error();
    if (X509_get_extension_flags(parsed->get()) & EXFLAG_SS) {
      if (X509_STORE_add_cert(parts.roots.get(), parsed->get()) != 1) throw std::bad_alloc();
      parts.hasRoot = true;
    } else {
      if (sk_X509_push(parts.others.get(), parsed->get()) <= 0) throw std::bad_alloc();
      static_cast<void>(parsed->release());
    }
  }
  return parts;
}

base::Result<void> verify(X509_STORE_CTX& context, base::Time now) {
  X509_VERIFY_PARAM* const how = X509_STORE_CTX_get0_param(&context);
  X509_VERIFY_PARAM_set_time(how, now.time_since_epoch().count());
  X509_VERIFY_PARAM_set_flags(how, X509_V_FLAG_CHECK_SS_SIGNATURE);
  X509_VERIFY_PARAM_set_auth_level(how, kStrength);
  if (X509_verify_cert(&context) == 1) return {};
  return invalid(std::string("the chain does not hold: ") +
                 X509_verify_cert_error_string(X509_STORE_CTX_get_error(&context)));
}

base::Bytes derOf(X509* certificate) {
  unsigned char* text = nullptr;
  const int size = i2d_X509(certificate, &text);
  if (size < 0) throw std::bad_alloc();
  const auto* const from = reinterpret_cast<const std::byte*>(text);
  base::Bytes out(from, from + size);
  OPENSSL_free(text);
  return out;
}

base::Result<std::vector<base::Bytes>> wayUp(X509& own, const Parts& parts, base::Time now) {
  const ContextPtr context(X509_STORE_CTX_new());
  if (!context || X509_STORE_CTX_init(context.get(), parts.roots.get(), &own, parts.others.get()) != 1)
    throw std::bad_alloc();
  if (auto good = verify(*context, now); !good) return std::move(good).error();
  STACK_OF(X509)* const chain = X509_STORE_CTX_get0_chain(context.get());
  if (auto good = checkLengths(*chain); !good) return std::move(good).error();
  std::vector<base::Bytes> above;
  std::size_t size = 0;
  for (int i = 1; i < sk_X509_num(chain); ++i) {
    above.push_back(derOf(sk_X509_value(chain, i)));
    size += above.back().size();
  }
  if (above.size() > kChainMost || size > kBytesMost)
    return invalid("the chain is too long: at most 15 certificates and 96 KiB above the authority's own");
  return above;
}

}  // namespace

base::Result<AuthorityChain> checkAuthorityChain(const std::vector<Certificate>& given, const KeyHash& own,
                                                 base::Time now) {
  const auto found = std::ranges::find(given, own, &Certificate::key);
  if (found == given.end())
    return invalid(
        "none of these certificates is for the key that waits; send the request of 'kmsctl ca "
        "request' to the parent authority");
  auto certificate = read(*found);
  if (!certificate) return std::move(certificate).error();
  if (auto good = checkName(*found); !good) return std::move(good).error();
  if (auto good = checkUse(**certificate); !good) return std::move(good).error();
  const auto parts = sortOut(given);
  if (!parts) return parts.error();
  if (!parts->hasRoot)
    return invalid("the chain must go up to a self-signed certificate: put the root into the file, too");
  auto above = wayUp(**certificate, *parts, now);
  if (!above) return std::move(above).error();
  return AuthorityChain{*found, *std::move(above)};
}

}  // namespace kms::pki
