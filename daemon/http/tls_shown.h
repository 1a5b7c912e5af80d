// ShownCertificate: what https shows where it has no files for that: the certificate of this server's own
// authority, taken anew by each handshake, so that a renewed one needs no restart and the key stays nowhere
// when the server is sealed. Inside daemon/http only.
#pragma once

#include <memory>
#include <mutex>
#include <optional>

#include "kms/pki/server_certificate.h"

struct ssl_st;

namespace kmsd::http {

class ShownCertificate {
 public:
  // `source` outlives it; null: there is never one.
  explicit ShownCertificate(const kms::pki::ServerCertificate* source);
  ~ShownCertificate();
  ShownCertificate(const ShownCertificate&) = delete;
  ShownCertificate& operator=(const ShownCertificate&) = delete;

  using Hold = kms::pki::ServerCertificate::Hold;
  // Gives certificate, chain and key to a connection that shakes hands, until forget(). Nothing: there is
  // none now, or it cannot be used. Safe to use from several threads. Throws std::bad_alloc.
  std::optional<Hold> show(ssl_st* to) const;
  // The connection has no key any more. What it has signed with it stands.
  static void forget(ssl_st* from) noexcept;

 private:
  struct Parsed;
  std::shared_ptr<const Parsed> parsed(const kms::pki::ServerIdentity& identity) const;

  const kms::pki::ServerCertificate* const source_;
  mutable std::mutex mutex_;
  mutable std::shared_ptr<const Parsed> last_;  // nothing secret
};

}  // namespace kmsd::http
