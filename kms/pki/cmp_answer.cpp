// Protecting answers, and refusing.
#include "kms/pki/cmp_core.h"

namespace kms::pki {
namespace {

constexpr std::size_t kNonceSize = 16;
constexpr std::string_view kSecretRefused = "the reference, the secret or its lifetime is not right";

void give(const CmpExchangePtr& exchange, base::Result<CmpAnswer> result) {
  if (auto reply = std::exchange(exchange->reply, nullptr)) reply(std::move(result));
}

// The root of the chain is for those who have it already, or take it from caPubs.
std::vector<base::Bytes> extraCerts(const Signers& signers, bool isSigned, bool chain, base::Time now) {
  if (!isSigned && !chain) return {};
  std::vector<base::Bytes> certificates = alongWith(signers, now);
  if (isSigned) certificates.insert(certificates.begin(), signers.cmp.certificate.der);
  return certificates;
}

base::Result<base::Bytes> write(const CmpExchange& exchange, const CmpOutgoing& out, const CmpMac* mac,
                                const Signers& signers) {
  const CmpMessage& in = exchange.in;
  auto nonce = nonceOf(exchange.core, in.transaction, out.type);
  if (!nonce) return nonce;
  const base::Time now = exchange.core.clock.now();
  const base::Bytes header =
      writeCmpHeader({.version = in.version == 3 ? 3U : 2U,
                      .sender = signers.cmp.certificate.subject,
                      .recipient = in.sender,
                      .time = now,
                      .algorithm = mac ? base::BytesView(mac->algorithm) : signers.cmp.key.algorithm(),
                      .senderKid = mac ? in.senderKid : signers.cmp.certificate.keyIdentifier,
                      .transaction = in.transaction,
                      .senderNonce = *nonce,
                      .recipNonce = in.senderNonce,
                      .implicitConfirm = out.implicitConfirm});
  const base::Bytes covered = cmpProtectedPart(header, out.body);
  auto protection = mac ? hmac(mac->digest, mac->key, covered) : signers.cmp.key.sign(covered);
  if (!protection) return protection;
  const auto along = extraCerts(signers, !mac, out.chain, now);
  return writeCmpMessage(header, out.body, *protection, {along.begin(), along.end()});
}

void send(const CmpExchangePtr& exchange, const CmpOutgoing& out, const CmpMac* mac) {
  CmpAnswer answer{{}, out.delay};
  const auto done = exchange->core.backend.withSigners([&](const Signers& signers) -> base::Result<void> {
    auto message = write(*exchange, out, mac, signers);
    if (!message) return std::move(message).error();
    answer.message = *std::move(message);
    return {};
  });
  if (!done) return give(exchange, done.error());
  give(exchange, std::move(answer));
}

}  // namespace

base::Result<base::Bytes> nonceOf(const CmpCore& core, base::BytesView transaction, CmpBody type) {
  base::Bytes covered(transaction.begin(), transaction.end());
  covered.push_back(static_cast<std::byte>(type));
  auto nonce = hmac("SHA256", core.nonceKey.bytes(), covered);
  if (nonce) nonce->resize(kNonceSize);
  return nonce;
}

void answer(const CmpExchangePtr& exchange, CmpOutgoing out) {
  send(exchange, out, exchange->mac ? &*exchange->mac : nullptr);
}

void refuse(const CmpExchangePtr& exchange, const CmpRefusal& refusal) {
  answer(exchange, {CmpBody::Error, errorBody(refusal)});
}

void refuseSecret(const CmpExchangePtr& exchange, std::chrono::seconds delay) {
  const CmpRefusal refusal{CmpFailure::BadMessageCheck, std::string(kSecretRefused)};
  send(exchange, {CmpBody::Error, errorBody(refusal), false, false, delay}, nullptr);
}

bool isOurs(const base::Error& error) noexcept {
  // CMP has words for these.
  if (error.reason == base::Reason::ClockBack || error.reason == base::Reason::AuthorityEnded) return false;
  if (error.reason == base::Reason::NoAuthority) return true;
  switch (error.code) {
    case base::Code::Invalid:
    case base::Code::NotFound:
    case base::Code::Denied:
    case base::Code::Conflict:
      return false;
    default:
      return true;
  }
}

void fail(const CmpExchangePtr& exchange, const base::Error& error) {
  if (isOurs(error)) return give(exchange, error);
  refuse(exchange, refusalOf(error));
}

}  // namespace kms::pki
