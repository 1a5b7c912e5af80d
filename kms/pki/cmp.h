// CMP over HTTP (RFC 4210, 4211, 6712, 9483): bytes in, bytes out. Safe to use from several threads.
//
// A request under a shared secret (PasswordBasedMac) comes from a user, its senderKID, who knows his pending
// one-time token; a request that is signed comes from the holder of an active certificate. Until that is
// verified, the answer is signed by the CMP certificate and never under the secret, and of a MAC it tells
// nothing but badMessageCheck: an unknown user, a wrong, used and expired token are alike. Nothing is kept
// between two messages: our nonce is a MAC of the transaction, and a confirmation finds its certificate by
// the certificate's hash among those of the sender.
#pragma once

#include <chrono>
#include <memory>

#include "kms/pki/cmp_backend.h"

namespace kms::pki {

struct CmpAnswer {
  base::Bytes message;            // PKIMessage, DER
  std::chrono::seconds delay{0};  // the answer must be held back this long (wrong tokens)
};

class CmpCore;

class CmpServer {
 public:
  // REQUIRES: all outlive the replies. Errors: Unavailable (no locked memory).
  static base::Result<std::unique_ptr<CmpServer>> create(CmpBackend& backend, const base::Clock& clock,
                                                         base::Rng& rng);
  ~CmpServer();
  // One POST. The reply may come on the store's writer thread. What the client can mend is refused in CMP's
  // own messages. An error is for HTTP: Invalid (no PKIMessage: 400), or our own trouble, as all services
  // give it: Unavailable / Sealed, NotFound / NoAuthority, Corrupt, Io, Internal. REQUIRES: the caller holds
  // no Vault::Hold and no Authority::Hold. Takes up to 100 ms of this thread's time where a client asks for
  // the most iterations; for strangers, a tenth of the time at most (CmpBudget).
  void handle(base::BytesView request, Reply<CmpAnswer> reply);
  // Whether the request asks for more than kFewIterations, as a millisecond or two of handle()'s time. Pure
  // and bounded; false for what is no request, too.
  static constexpr std::uint64_t kFewIterations = 1'000;
  static bool takesLong(base::BytesView request);

 private:
  explicit CmpServer(std::unique_ptr<CmpCore> core);
  std::unique_ptr<CmpCore> core_;
};

}  // namespace kms::pki
