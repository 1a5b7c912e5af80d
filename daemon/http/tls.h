// TLS as the server needs it: one loaded set of files, immutable, replaced as a whole when they are read
// anew.
#pragma once

#include <filesystem>
#include <memory>

#include "hal/base/result.h"

struct ssl_ctx_st;

namespace kmsd::http {

struct TlsFiles {
  std::filesystem::path certificate;  // PEM: the server's certificate, then its chain
  std::filesystem::path key;          // PEM, its private key, without a passphrase
  std::filesystem::path
      clientAuthority;  // PEM: whose client certificates are taken, and CRLs; empty: none are asked for
};

// TLS 1.2 and 1.3, forward secrecy and authenticated ciphers only, no renegotiation, no compression, no
// resumption: a revoked client certificate must authenticate nothing. Safe to use from several threads.
class TlsContext {
 public:
  // Errors: as base::readSmallFile; Invalid (no certificate in it, the key is another one's, expired; says
  // which file).
  static base::Result<std::shared_ptr<const TlsContext>> load(const TlsFiles& files);
  ~TlsContext();
  ssl_ctx_st* handle() const noexcept { return handle_; }

 private:
  explicit TlsContext(ssl_ctx_st* handle) noexcept : handle_(handle) {}
  ssl_ctx_st* handle_;
};

}  // namespace kmsd::http
