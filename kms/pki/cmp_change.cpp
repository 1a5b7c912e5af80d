// certConf, rr and genm.
#include <algorithm>

#include "kms/pki/cmp_core.h"

namespace kms::pki {
namespace {

constexpr std::size_t kNewestMost = 100;  // certificates of a user among which one is confirmed

// The nonce of the answer that is confirmed, whichever it was.
bool isOurNonce(const CmpExchange& x) {
  for (const CmpBody type : {CmpBody::Ip, CmpBody::Cp, CmpBody::Kup}) {
    const auto nonce = nonceOf(x.core, x.in.transaction, type);
    if (nonce && base::equalConstantTime(*nonce, x.in.recipNonce)) return true;
  }
  return false;
}

bool hasHash(const CertificateView& certificate, const CertConf& asked) {
  const char* const digest =
      asked.digest != nullptr ? asked.digest : confirmationDigest(certificate.certificate);
  if (digest == nullptr) return false;
  const auto hash = digestOf(digest, certificate.certificate);
  return hash && std::ranges::equal(*hash, asked.hash);
}

void refuseRevocation(const CmpExchangePtr& exchange, const CmpRefusal& refusal) {
  answer(exchange, {CmpBody::Rp, revocationRefusalBody(refusal)});
}

// Another's certificate and none are alike.
std::optional<Serial> ownCertificate(CmpExchange& x, const CertId& id, base::Result<void>& failed) {
  Serial serial{};
  if (id.serial.size() != serial.size()) return std::nullopt;
  std::ranges::copy(id.serial, serial.begin());
  const auto view = x.core.backend.show(x.user, serial);
  if (!view) {
    if (isOurs(view.error())) failed = view.error();
    return std::nullopt;
  }
  const auto parsed = parseCertificate(view->certificate);
  if (!parsed || !std::ranges::equal(parsed->issuer, id.issuer)) return std::nullopt;
  return serial;
}

// The last of the chain, where it is its own issuer.
base::BytesView rootOf(const Signers& signers) {
  if (signers.chain.empty()) return {};
  const auto last = parseCertificate(signers.chain.back());
  const bool isRoot = last && last->subject == last->issuer;
  return isRoot ? base::BytesView(signers.chain.back()) : base::BytesView{};
}

// A client of several rollovers ago goes from root to root, as each is vouched for by the one before; one
// whose root is not known gets what leads to the newest from the one before that.
CmpInformation informationOf(const Signers& signers, base::Time now) {
  CmpInformation known;
  known.chain.assign(signers.chain.begin(), signers.chain.end());
  known.root = rootOf(signers);
  const std::size_t links = holding(signers.links, now);
  for (std::size_t i = 0; i < links; ++i) {
    const Link& link = signers.links[i];
    known.chain.emplace_back(link.newWithOld);
    known.chain.emplace_back(link.oldWithNew);
    known.updates.push_back({link.older, link.newer, link.newWithOld, link.oldWithNew});
  }
  RootUpdate any{{}, known.root, {}, {}};
  if (links > 0) {
    any.newWithOld = signers.links.front().newWithOld;
    any.oldWithNew = signers.links.front().oldWithNew;
  }
  known.updates.push_back(any);
  return known;
}

}  // namespace

void handleConfirmation(const CmpExchangePtr& exchange) {
  CmpExchange& x = *exchange;
  CmpRefusal why;
  const auto asked = parseCertConf(x.in.content, why);
  if (!asked) return refuse(exchange, why);
  if (!isOurNonce(x))
    return refuse(exchange, {CmpFailure::BadRecipientNonce, "this confirms no answer of this server"});
  const auto certificates = x.core.backend.newest(x.user, kNewestMost);
  if (!certificates) return fail(exchange, certificates.error());
  const auto found = std::ranges::find_if(
      *certificates, [&](const CertificateView& certificate) { return hasHash(certificate, *asked); });
  if (found == certificates->end())
    return refuse(exchange, {CmpFailure::BadCertId, "no certificate of the sender has this hash"});
  const auto hash = digestOf("SHA256", found->certificate);
  if (!hash) return fail(exchange, hash.error());
  x.core.backend.confirm(found->serial, *hash, asked->accepted, [exchange](const base::Result<void>& done) {
    answering(exchange, [&] {
      if (done) return answer(exchange, {CmpBody::PkiConf, confirmBody()});
      if (done.error().code == base::Code::Conflict)
        return refuse(exchange, {CmpFailure::CertConfirmed, done.error().what});
      fail(exchange, done.error());
    });
  });
}

void handleRevocation(const CmpExchangePtr& exchange) {
  CmpExchange& x = *exchange;
  CmpRefusal why;
  const auto asked = parseRevocation(x.in.content, why);
  if (!asked) return refuse(exchange, why);
  const bool passing =
      asked->reason == RevocationReason::Hold || asked->reason == RevocationReason::RemoveFromCrl;
  // Holds can be taken back.
  if (passing && !isFresh(x))
    return refuseRevocation(exchange,
                            {CmpFailure::BadTime, "the message is not of this hour; set the clock"});
  base::Result<void> failed;
  const auto serial = ownCertificate(x, asked->certificate, failed);
  if (!failed) return fail(exchange, failed.error());
  if (!serial)
    return refuseRevocation(exchange, {CmpFailure::BadCertId, "the sender has no such certificate"});
  const CertId id = asked->certificate;
  x.core.backend.revoke(x.user, *serial, asked->reason,
                        [exchange, id](const base::Result<CertificateView>& done) {
                          answering(exchange, [&] {
                            if (done) return answer(exchange, {CmpBody::Rp, revocationBody(id)});
                            if (isOurs(done.error())) return fail(exchange, done.error());
                            auto refusal = refusalOf(done.error());
                            if (done.error().code == base::Code::Invalid)
                              refusal.failure = CmpFailure::BadRequest;
                            refuseRevocation(exchange, refusal);
                          });
                        });
}

void handleInformation(const CmpExchangePtr& exchange) {
  CmpExchange& x = *exchange;
  CmpRefusal why;
  std::optional<base::Bytes> body;
  const auto read = x.core.backend.withSigners([&](const Signers& signers) -> base::Result<void> {
    CmpInformation known = informationOf(signers, x.core.clock.now());
    known.crl = [&] { return x.core.backend.crl(); };
    body = informationBody(x.in.content, known, why);
    return {};
  });
  if (!read) return fail(exchange, read.error());
  if (!body) return refuse(exchange, why);
  answer(exchange, {CmpBody::Genp, *std::move(body)});
}

}  // namespace kms::pki
