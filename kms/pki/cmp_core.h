// What the parts of CmpServer share, one file a group of messages: cmp_verify (who asks), cmp_enrol,
// cmp_change (rr, genm, certConf), cmp_answer.
#pragma once

#include <optional>

#include "kms/pki/cmp.h"
#include "kms/pki/cmp_budget.h"
#include "kms/pki/cmp_protection.h"
#include "kms/pki/cmp_reply.h"

namespace kms::pki {

class CmpCore {
 public:
  CmpCore(CmpBackend& b, const base::Clock& c, base::Rng& r, base::SecretBuffer key)
      : backend(b), clock(c), rng(r), nonceKey(std::move(key)), budget(c) {}
  CmpBackend& backend;
  const base::Clock& clock;
  base::Rng& rng;
  const base::SecretBuffer nonceKey;  // 32 random bytes of this process
  CmpBudget budget;
};

// How the answer to a MAC is protected: the client's parameters with a salt of ours. The key is made before
// the services are asked, so that the store's writer, on whose thread they may reply, has no iterations to
// do.
struct CmpMac {
  base::Bytes algorithm;
  const char* digest = nullptr;
  SecretBytes key;
};

// One message and what is known of it. Shared by the callbacks until it is answered.
struct CmpExchange {
  CmpExchange(CmpCore& c, base::BytesView request, Reply<CmpAnswer> r)
      : core(c), raw(request.begin(), request.end()), reply(std::move(r)) {}
  CmpCore& core;
  const base::Bytes raw;
  CmpMessage in;  // points into raw
  Reply<CmpAnswer> reply;
  // Who asks; empty until it is verified.
  std::string user;
  std::optional<CmpMac> mac;              // he knows the token
  std::int64_t token = 0;                 // which one that is
  std::optional<CertificateView> holder;  // he has the key of this certificate
};
using CmpExchangePtr = std::shared_ptr<CmpExchange>;

// Runs `work`, which answers; where memory runs out, fails the exchange. Nothing is answered twice.
template <class Work>
void answering(const CmpExchangePtr& exchange, Work work);

// Who asks, then `then`; refuses what is not verified.
void verify(const CmpExchangePtr& exchange, const std::function<void()>& then);
// Whether it says that it was made in this hour. What would do something again must be: whoever reads a
// message of long ago off the wire can send it once more.
bool isFresh(const CmpExchange& exchange);

void handleEnrolment(const CmpExchangePtr& exchange);  // ir, cr, p10cr, kur
void handleConfirmation(const CmpExchangePtr& exchange);
void handleRevocation(const CmpExchangePtr& exchange);
void handleInformation(const CmpExchangePtr& exchange);

// As the request was protected, once that is verified; signed until then.
struct CmpOutgoing {
  CmpBody type{};
  base::Bytes body;
  bool implicitConfirm = false;
  bool chain = false;  // sends the authority's certificates along
  std::chrono::seconds delay{0};
};
void answer(const CmpExchangePtr& exchange, CmpOutgoing out);
void refuse(const CmpExchangePtr& exchange, const CmpRefusal& refusal);
// Signed, whoever asks: says only that.
void refuseSecret(const CmpExchangePtr& exchange, std::chrono::seconds delay);
// An error of the services: as an error message where it is the client's to mend, else as it is.
void fail(const CmpExchangePtr& exchange, const base::Error& error);
// Whether it is our own trouble: sealed, no authority, disk, memory.
bool isOurs(const base::Error& error) noexcept;

// Our senderNonce in a message of this type: the same for each of a transaction.
base::Result<base::Bytes> nonceOf(const CmpCore& core, base::BytesView transaction, CmpBody type);

template <class Work>
void answering(const CmpExchangePtr& exchange, Work work) try {
  work();
} catch (const std::bad_alloc&) {
  if (auto reply = std::exchange(exchange->reply, nullptr))
    reply(base::Error{base::Code::Unavailable, "out of memory; try again"});
}

}  // namespace kms::pki
