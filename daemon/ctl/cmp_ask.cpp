#include "daemon/ctl/cmp_ask.h"

#include <openssl/cmp.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/x509.h>

#include <new>

#include "kms/pki/der.h"

namespace kmsd::ctl {
namespace {

using base::Code;
using base::Error;
using base::Result;

template <auto free>
struct Free {
  template <class T>
  void operator()(T* one) const noexcept {
    free(one);
  }
};
using Context = std::unique_ptr<OSSL_CMP_CTX, Free<OSSL_CMP_CTX_free>>;
using Item = std::unique_ptr<OSSL_CMP_ITAV, Free<OSSL_CMP_ITAV_free>>;
using X509Ptr = std::unique_ptr<X509, Free<X509_free>>;
using Bio = std::unique_ptr<BIO, Free<BIO_free>>;
struct FreeItems {
  void operator()(STACK_OF(OSSL_CMP_ITAV) * items) const noexcept {
    sk_OSSL_CMP_ITAV_pop_free(items, OSSL_CMP_ITAV_free);
  }
};
using Items = std::unique_ptr<STACK_OF(OSSL_CMP_ITAV), FreeItems>;

constexpr std::size_t kMostCertificates = 16;  // of the authority and above it
constexpr std::size_t kMostLinks = 16;         // to those before it: two a rollover

const unsigned char* in(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

// One question and its answer over the connection to the server.
struct Transfer {
  Remote& remote;
  Result<void> failed;

  OSSL_CMP_MSG* fail(Error error) {
    failed = std::move(error);
    return nullptr;
  }
  OSSL_CMP_MSG* exchange(const OSSL_CMP_MSG* question) {
    const Bio out(BIO_new(BIO_s_mem()));
    const char* text = nullptr;
    if (!out || i2d_OSSL_CMP_MSG_bio(out.get(), question) != 1) throw std::bad_alloc();
    const long size = BIO_get_mem_data(out.get(), &text);
    http::Request request;
    request.method = "POST";
    request.path = "/.well-known/cmp";
    request.contentType = "application/pkixcmp";
    request.body = base::secretText({text, static_cast<std::size_t>(size)});
    const auto response = remote.send(std::move(request));
    if (!response) return fail(response.error());
    if (response->status != 200) {
      const auto problem = Document::parse(base::view(response->body));
      if (!problem) return fail(problem.error());
      return fail(errorOf(Answer{response->status, *problem}));
    }
    const Bio answer(BIO_new_mem_buf(response->body.data(), static_cast<int>(response->body.size())));
    if (!answer) throw std::bad_alloc();
    return d2i_OSSL_CMP_MSG_bio(answer.get(), nullptr);
  }
};

// OpenSSL's C code calls it: nothing may be thrown through that.
OSSL_CMP_MSG* transfer(OSSL_CMP_CTX* context, const OSSL_CMP_MSG* question) noexcept {
  auto* const to = static_cast<Transfer*>(OSSL_CMP_CTX_get_transfer_cb_arg(context));
  try {
    return to->exchange(question);
  } catch (const std::exception&) {
    return to->fail(Error{Code::Unavailable, "there is no memory for the question about the authority"});
  }
}

int quiet(const char* /*function*/, const char* /*file*/, int /*line*/, OSSL_CMP_severity /*level*/,
          const char* /*message*/) {
  return 1;
}

Context contextFor(Transfer& transferTo, const std::string& user, std::string_view plain) {
  Context context(OSSL_CMP_CTX_new(nullptr, nullptr));
  Item item(OSSL_CMP_ITAV_create(OBJ_nid2obj(NID_id_it_caCerts), nullptr));
  if (!context || !item) throw std::bad_alloc();
  OSSL_CMP_CTX* const to = context.get();
  const bool set = OSSL_CMP_CTX_set1_referenceValue(to, in(user), static_cast<int>(user.size())) == 1 &&
                   OSSL_CMP_CTX_set1_secretValue(to, in(plain), static_cast<int>(plain.size())) == 1 &&
                   OSSL_CMP_CTX_set_option(to, OSSL_CMP_OPT_MAC_ALGNID, NID_hmacWithSHA256) == 1 &&
                   OSSL_CMP_CTX_set_option(to, OSSL_CMP_OPT_UNPROTECTED_ERRORS, 0) == 1 &&
                   OSSL_CMP_CTX_set_log_cb(to, quiet) == 1 &&
                   OSSL_CMP_CTX_set_transfer_cb(to, transfer) == 1 &&
                   OSSL_CMP_CTX_set_transfer_cb_arg(to, &transferTo) == 1 &&
                   OSSL_CMP_CTX_push0_genm_ITAV(to, item.get()) == 1;
  if (!set) throw std::bad_alloc();
  static_cast<void>(item.release());
  return context;
}

// Of an authority for another key of its own.
bool isLink(const kms::pki::Certificate& certificate) {
  if (certificate.subject != certificate.issuer) return false;
  const auto* at = in(base::asText(certificate.der));
  const X509Ptr one(d2i_X509(nullptr, &at, static_cast<long>(certificate.der.size())));
  return one && X509_self_signed(one.get(), 0) != 1;
}

Result<std::vector<kms::pki::Certificate>> certificatesIn(const Items& items) {
  std::vector<kms::pki::Certificate> all;
  for (int i = 0; i < sk_OSSL_CMP_ITAV_num(items.get()); ++i) {
    const OSSL_CMP_ITAV* const item = sk_OSSL_CMP_ITAV_value(items.get(), i);
    const ASN1_TYPE* const value = OSSL_CMP_ITAV_get0_value(item);
    if (OBJ_obj2nid(OSSL_CMP_ITAV_get0_type(item)) != NID_id_it_caCerts || value == nullptr ||
        value->type != V_ASN1_SEQUENCE)
      continue;
    const ASN1_STRING* const der = value->value.sequence;
    kms::pki::DerReader whole(std::as_bytes(
        std::span(ASN1_STRING_get0_data(der), static_cast<std::size_t>(ASN1_STRING_length(der)))));
    kms::pki::DerReader list = whole.enter(kms::pki::kSequence);
    for (std::size_t read = 0; list.more() && read < kMostCertificates + kMostLinks; ++read) {
      auto one = kms::pki::parseCertificate(list.element(kms::pki::kSequence));
      if (!one) return std::move(one).error();
      // Links come along for who knows an older authority; this one is known by the token.
      if (!isLink(*one)) all.push_back(*std::move(one));
    }
  }
  if (all.empty())
    return Error{Code::NotFound, "the server names no certificate authority", base::Reason::NoAuthority};
  return all;
}

}  // namespace

Result<std::vector<kms::pki::Certificate>> askAuthority(Remote& remote, const std::string& user,
                                                        std::string_view plain) {
  Transfer exchange{remote, {}};
  const Context context = contextFor(exchange, user, plain);
  const Items items(OSSL_CMP_exec_GENM_ses(context.get()));
  ERR_clear_error();
  if (!exchange.failed) return exchange.failed.error();
  if (!items)
    return Error{Code::Denied,
                 "the server did not show that it knows the token: the user or the token is not right, the "
                 "token's time has passed, or it is another server; the token was not sent",
                 base::Reason::TokenRefused};
  return certificatesIn(items);
}

}  // namespace kmsd::ctl
