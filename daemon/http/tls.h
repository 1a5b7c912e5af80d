// TLS as the server needs it: one loaded set of files, immutable, replaced as a whole when they are read
// anew.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/http/tls_crls.h"
#include "daemon/http/tls_own.h"
#include "daemon/http/tls_shown.h"
#include "hal/base/result.h"

struct ssl_ctx_st;
struct ssl_st;

namespace kmsd::http {

struct TlsFiles {
  std::filesystem::path certificate;  // PEM: the server's certificate, then its chain; empty: the server
                                      // shows the one that its own authority signed
  std::filesystem::path key;          // PEM, its private key, without a passphrase
  std::filesystem::path
      clientAuthority;  // PEM: whose client certificates are taken, and CRLs; empty: none are asked for
};

// TLS 1.2 and 1.3, forward secrecy and authenticated ciphers only, no renegotiation, no compression, no
// resumption: a revoked client certificate must authenticate nothing. Safe to use from several threads.
class TlsContext {
 public:
  // The key must be its owner's alone: this process's user's, or root's, whose group may read it. CRLs in the
  // file of the client authorities are checked: then one of each authority of a chain must be there. One that
  // has run out is loaded: with it no client certificate of its authority is taken, so no revoked one is.
  // `own`: certificates (DER) of this server's own authority: what they signed is taken too. `shown`: where
  // no file of a certificate is given, what is shown; it outlives the context. While it has none, handshakes
  // are refused.
  // Errors: as base::readSmallFile; Invalid (no certificate in it, the key is another one's, expired; says
  // which file); Denied (others may read the key).
  static base::Result<std::shared_ptr<const TlsContext>> load(
      const TlsFiles& files, const std::vector<base::Bytes>& own = {},
      const kms::pki::ServerCertificate* shown = nullptr);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;
  // Of the file of the client authorities.
  const ClientCrls& crls() const noexcept { return crls_; }
  const OwnAuthorities& own() const noexcept { return *own_; }
  // Null: the certificate is that of the files.
  const ShownCertificate* shown() const noexcept { return shown_.get(); }
  // When the certificate of the files ends; nothing where it is not of files.
  std::optional<base::Time> until() const;
  // The server's end of a new connection, for tlsWire(), which frees it. Throws std::bad_alloc.
  ssl_st* accept() const;

 private:
  TlsContext(ssl_ctx_st* handle, ClientCrls crls, std::unique_ptr<OwnAuthorities> own,
             std::unique_ptr<ShownCertificate> shown) noexcept
      : handle_(handle), crls_(std::move(crls)), own_(std::move(own)), shown_(std::move(shown)) {}
  ssl_ctx_st* handle_;
  const ClientCrls crls_;
  const std::unique_ptr<OwnAuthorities> own_;
  const std::unique_ptr<ShownCertificate> shown_;
};

}  // namespace kmsd::http
