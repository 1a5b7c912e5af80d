// OwnAuthorities: this server's own authority at the TLS handshake. What it signed is verified against it
// alone, whatever the file of other authorities and its CRLs say: whether such a certificate counts is asked
// of the database with each request.
#pragma once

#include <memory>
#include <vector>

#include "hal/base/bytes.h"
#include "hal/base/result.h"

struct ssl_ctx_st;
struct ssl_st;

namespace kmsd::http {

class OwnAuthorities {
 public:
  // DER. Errors: Invalid (no certificate).
  static base::Result<std::unique_ptr<OwnAuthorities>> create(const std::vector<base::Bytes>& certificates);
  ~OwnAuthorities();
  OwnAuthorities(const OwnAuthorities&) = delete;
  OwnAuthorities& operator=(const OwnAuthorities&) = delete;

  bool empty() const noexcept;
  // Asks clients for certificates, and verifies them. It outlives the connections of `to`.
  base::Result<void> use(ssl_ctx_st* to) const;
  // Whether the verified certificate of the other end was signed by one of these.
  bool signedPeerOf(const ssl_st* connection) const;

 private:
  struct Content;
  explicit OwnAuthorities(std::unique_ptr<Content> content);
  std::unique_ptr<Content> content_;
};

}  // namespace kmsd::http
