#include "daemon/http/tls.h"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <cerrno>
#include <new>

#include "daemon/http/tls_certificate.h"
#include "daemon/http/tls_files.h"
#include "hal/base/file.h"

namespace kmsd::http {
namespace {

using base::Code;
using base::Error;

constexpr long kCertificatesMost = 16 * 1024;  // bytes that a client may show
constexpr int kChainMost = 4;                  // authorities between a client and the root
constexpr unsigned char kHttp11[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};

// RFC 7301: a client that names protocols, but not this one, is told that there is none.
int chooseProtocol(SSL* /*ssl*/, const unsigned char** out, unsigned char* size, const unsigned char* offered,
                   unsigned offeredSize, void* /*unused*/) {
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, size, kHttp11, sizeof kHttp11, offered, offeredSize) !=
      OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

base::Result<void> checkOwner(const std::filesystem::path& file) {
  struct stat there {};
  if (::stat(file.c_str(), &there) != 0) {
    if (errno == ENOENT)
      return Error{Code::NotFound, "there is no file " + file.string(), base::Reason::FileMissing};
    return base::systemError("cannot look at " + file.string(), errno);
  }
  const mode_t most = there.st_uid == 0 ? 0740 : 0700;
  if ((there.st_uid != 0 && there.st_uid != ::geteuid()) || (there.st_mode & 0777U & ~most) != 0) {
    return Error{Code::Denied, file.string() +
                                   ": a private key that others may read is not used; make it this server's "
                                   "user's with mode 0600, or root's with mode 0640"};
  }
  return {};
}

base::Result<void> usePair(SSL_CTX* to, const TlsFiles& files) {
  if (auto used = useCertificate(to, files.certificate); !used) return used;
  if (auto own = checkOwner(files.key); !own) return own;
  return useKey(to, files.key);
}

}  // namespace

base::Result<std::shared_ptr<const TlsContext>> TlsContext::load(
    const TlsFiles& files, const std::vector<base::Bytes>& ownCertificates,
    const kms::pki::ServerCertificate* shown) {
  auto authorities = OwnAuthorities::create(ownCertificates);
  if (!authorities) return std::move(authorities).error();
  auto context = newTlsContext(true);
  if (!context) return std::move(context).error();
  SSL_CTX* const to = context->get();
  SSL_CTX_set_alpn_select_cb(to, chooseProtocol, nullptr);
  std::unique_ptr<ShownCertificate> ofOwn;
  if (files.certificate.empty()) {
    ofOwn = std::make_unique<ShownCertificate>(shown);
  } else if (auto used = usePair(to, files); !used) {
    return std::move(used).error();
  }
  ClientCrls crls;
  if (!files.clientAuthority.empty()) {
    auto used = useAuthorities(to, files.clientAuthority, true);
    if (!used) return std::move(used).error();
    crls = *std::move(used);
    if (X509_STORE_set_purpose(SSL_CTX_get_cert_store(to), X509_PURPOSE_SSL_CLIENT) != 1)
      return Error{Code::Internal, "TLS cannot be set up for client certificates"};
  }
  if (!files.clientAuthority.empty() || !(*authorities)->empty()) {
    SSL_CTX_set_verify(to, SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_max_cert_list(to, kCertificatesMost);
    SSL_CTX_set_verify_depth(to, kChainMost);
  }
  if (auto used = (*authorities)->use(to); !used) return std::move(used).error();
  return std::shared_ptr<const TlsContext>(
      new TlsContext(context->release(), std::move(crls), *std::move(authorities), std::move(ofOwn)));
}

TlsContext::~TlsContext() { SSL_CTX_free(handle_); }

std::optional<base::Time> TlsContext::until() const {
  const X509* const certificate = SSL_CTX_get0_certificate(handle_);
  return certificate != nullptr ? timeOf(*X509_get0_notAfter(certificate)) : std::nullopt;
}

ssl_st* TlsContext::accept() const {
  SSL* const connection = SSL_new(handle_);
  if (connection == nullptr) throw std::bad_alloc();
  SSL_set_accept_state(connection);
  return connection;
}

}  // namespace kmsd::http
