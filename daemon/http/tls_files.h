// Certificates, keys and authorities from files into OpenSSL's objects, for both ends of TLS. Inside
// daemon/http only, and only for those who include OpenSSL.
#pragma once

#include <filesystem>
#include <memory>

#include "daemon/http/tls_crls.h"
#include "hal/base/result.h"

struct ssl_ctx_st;

namespace kmsd::http {

struct FreeContext {
  void operator()(ssl_ctx_st* context) const noexcept;
};
using Context = std::unique_ptr<ssl_ctx_st, FreeContext>;

// TLS 1.2 and 1.3, forward secrecy and authenticated ciphers only, no renegotiation, no compression.
// Errors: Internal.
base::Result<Context> newTlsContext(bool server);

// All throw std::bad_alloc. Errors: as base::readSmallFile; Invalid (says which file and what to do).
// The certificate and its chain; it must be valid now.
base::Result<void> useCertificate(ssl_ctx_st* to, const std::filesystem::path& file);
// REQUIRES: the certificate is in use.
base::Result<void> useKey(ssl_ctx_st* to, const std::filesystem::path& file);
// Trusts the authorities in the file. CRLs in it are checked: then one of each authority of a chain must be
// there. `ask`: the other end is told their names. Returns what the CRLs are worth.
base::Result<ClientCrls> useAuthorities(ssl_ctx_st* to, const std::filesystem::path& file, bool ask);

}  // namespace kmsd::http
