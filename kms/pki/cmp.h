// CMP over HTTP (RFC 4210, 6712, 9483), over OpenSSL's server side: bytes in, bytes out. Safe to use from
// several threads.
//
// A request under a shared secret comes from a user (its senderKID) who knows his pending one-time token; a
// request that is signed comes from the holder of a certificate. Until a request's protection is verified,
// the answer is signed by the CMP certificate and never under the secret, tells nothing but
// "badMessageCheck", and nothing is kept.
#pragma once

#include <functional>

#include "kms/pki/certificate_service.h"

namespace kms::pki {

// What can be read of a request before its protection is checked.
struct CmpHeader {
  base::Bytes transaction;  // transactionID, 1 to 64 bytes
  base::Bytes senderKid;    // the user's name, or the key identifier of a certificate
  int body = 0;      // tag of PKIBody: 0 ir, 2 cr, 4 p10cr, 7 kur, 11 rr, 21 genm, 23 error, 24 certConf
  bool mac = false;  // protected by PasswordBasedMac
  std::uint64_t iterations = 0;  // of it
};

// Pure and bounded. Errors: Invalid: no PKIMessage, trailing bytes, over kMostDer, a protection that is
// neither PasswordBasedMac of 100 to 100,000 iterations nor a signature.
base::Result<CmpHeader> readCmpHeader(base::BytesView der);

class CmpServer {
 public:
  CmpServer(CertificateService& certificates, Authority& authority, const base::Clock& clock, base::Rng& rng);
  ~CmpServer();
  // One POST. `reply` gets a PKIMessage, always: refusals are CMP's own error messages. Empty only where the
  // body is no CMP at all (HTTP 400) or the server is sealed (503).
  void handle(base::BytesView request, Reply<base::Bytes> reply);
  // Drops transactions that nobody went on with.
  void tidy();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kms::pki
