#include "daemon/http/tls_files.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <new>

#include "daemon/http/tls_certificate.h"
#include "hal/base/file.h"

namespace kmsd::http {
namespace {

using base::Code;
using base::Error;

constexpr std::size_t kFileMost = 64 * 1024;                     // bytes of a certificate's or key's file
constexpr std::size_t kAuthorityMost = 16 * 1024 * 1024;         // bytes; CRLs may be long
constexpr const char* kCiphers = "ECDHE+AESGCM:ECDHE+CHACHA20";  // of TLS 1.2; all of 1.3's are sound
constexpr const char* kGroups = "X25519:P-256:P-384";

struct FreeKey {
  void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
};

struct FreeInfos {
  void operator()(STACK_OF(X509_INFO) * infos) const noexcept {
    sk_X509_INFO_pop_free(infos, X509_INFO_free);
  }
};

Error invalid(const std::filesystem::path& file, const std::string& what) {
  ERR_clear_error();
  return Error{Code::Invalid, file.string() + ": " + what};
}

Bio reader(std::string_view text) {
  Bio bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  if (!bio) throw std::bad_alloc();
  return bio;
}

int noPassphrase(char* /*to*/, int /*size*/, int /*writing*/, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

base::Result<void> checkTime(const X509* certificate, const std::filesystem::path& file) {
  if (X509_cmp_current_time(X509_get0_notAfter(certificate)) <= 0)
    return invalid(file, "the certificate has expired; put a new one there");
  if (X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0)
    return invalid(file, "the certificate is not valid yet; look at this host's clock");
  return {};
}

}  // namespace

void FreeContext::operator()(ssl_ctx_st* context) const noexcept { SSL_CTX_free(context); }

base::Result<Context> newTlsContext(bool server) {
  Context context(SSL_CTX_new(server ? TLS_server_method() : TLS_client_method()));
  if (!context) return Error{Code::Internal, "TLS cannot be used: " + tlsComplaint()};
  SSL_CTX* const to = context.get();
  SSL_CTX_set_security_level(to, 2);
  SSL_CTX_set_options(to, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                              SSL_OP_NO_TICKET | SSL_OP_CLEANSE_PLAINTEXT);
  SSL_CTX_set_session_cache_mode(to, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(to, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                           SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN);
  SSL_CTX_set_read_ahead(to, 1);  // a record in one read instead of two
  if (SSL_CTX_set_min_proto_version(to, TLS1_2_VERSION) != 1 ||
      SSL_CTX_set_max_proto_version(to, TLS1_3_VERSION) != 1 || SSL_CTX_set_num_tickets(to, 0) != 1 ||
      SSL_CTX_set_cipher_list(to, kCiphers) != 1 || SSL_CTX_set1_groups_list(to, kGroups) != 1) {
    return Error{Code::Internal, "TLS cannot be set up: " + tlsComplaint()};
  }
  return context;
}

base::Result<void> useCertificate(ssl_ctx_st* to, const std::filesystem::path& file) {
  auto text = base::readSmallFile(file, kFileMost);
  if (!text) return std::move(text).error();
  const Bio bio = reader(*text);
  const Certificate own(PEM_read_bio_X509_AUX(bio.get(), nullptr, nullptr, nullptr));
  if (!own) return invalid(file, "there is no certificate in it, in the PEM format");
  if (auto valid = checkTime(own.get(), file); !valid) return valid;
  if (SSL_CTX_use_certificate(to, own.get()) != 1)
    return invalid(file, "the certificate cannot be used: " + tlsComplaint());
  for (;;) {
    Certificate above(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    if (!above) break;
    if (SSL_CTX_add0_chain_cert(to, above.get()) != 1)
      return invalid(file, "a certificate of its chain cannot be used: " + tlsComplaint());
    static_cast<void>(above.release());
  }
  const unsigned long end = ERR_peek_last_error();
  if (ERR_GET_LIB(end) != ERR_LIB_PEM || ERR_GET_REASON(end) != PEM_R_NO_START_LINE)
    return invalid(file, "a certificate of its chain is damaged");
  ERR_clear_error();
  return {};
}

base::Result<void> useKey(ssl_ctx_st* to, const std::filesystem::path& file) {
  auto text = base::readSecretFile(file, kFileMost);
  if (!text) return std::move(text).error();
  const Bio bio = reader(text->text());
  bool locked = false;
  const std::unique_ptr<EVP_PKEY, FreeKey> key(
      PEM_read_bio_PrivateKey(bio.get(), nullptr, noPassphrase, &locked));
  if (locked) return invalid(file, "the private key has a passphrase; store it without one");
  if (!key) return invalid(file, "there is no private key in it, in the PEM format");
  if (SSL_CTX_use_PrivateKey(to, key.get()) != 1 || SSL_CTX_check_private_key(to) != 1)
    return invalid(file, "this is another certificate's key; give the files of one pair");
  return {};
}

base::Result<ClientCrls> useAuthorities(ssl_ctx_st* to, const std::filesystem::path& file, bool ask) {
  auto text = base::readSmallFile(file, kAuthorityMost);
  if (!text) return std::move(text).error();
  const Bio bio = reader(*text);
  const std::unique_ptr<STACK_OF(X509_INFO), FreeInfos> infos(
      PEM_X509_INFO_read_bio(bio.get(), nullptr, nullptr, nullptr));
  if (!infos) return invalid(file, "it cannot be read as certificates and CRLs in the PEM format");
  X509_STORE* const store = SSL_CTX_get_cert_store(to);
  bool trusts = false;
  bool checks = false;
  for (int i = 0; i < sk_X509_INFO_num(infos.get()); ++i) {
    const X509_INFO* const info = sk_X509_INFO_value(infos.get(), i);
    if (info->x509 != nullptr) {
      if (X509_STORE_add_cert(store, info->x509) != 1 || (ask && SSL_CTX_add_client_CA(to, info->x509) != 1))
        return invalid(file, "an authority in it cannot be used: " + tlsComplaint());
      trusts = true;
    }
    if (info->crl != nullptr) {
      if (X509_STORE_add_crl(store, info->crl) != 1)
        return invalid(file, "a CRL in it cannot be used: " + tlsComplaint());
      checks = true;
    }
  }
  if (!trusts) return invalid(file, "there is no authority's certificate in it, in the PEM format");
  if (checks) X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
  return crlsIn(*infos, file);
}

}  // namespace kmsd::http
