// ir, cr, p10cr and kur: certificates for those who know a token, or hold a certificate.
#include <algorithm>

#include "kms/pki/cmp_core.h"

namespace kms::pki {
namespace {

// certReqId of answers to p10cr, which has none (RFC 9483, section 4.1.4).
constexpr std::byte kNoId[] = {std::byte{0xFF}};

CmpBody answerType(CmpBody type) {
  if (type == CmpBody::Ir) return CmpBody::Ip;
  return type == CmpBody::Kur ? CmpBody::Kup : CmpBody::Cp;
}

std::optional<CrmfRequest> askedIn(const CmpMessage& in, CmpRefusal& why) {
  if (in.type != CmpBody::P10cr) return parseCrmf(in.content, why);
  auto request = readRequest(in.content);
  if (!request) {
    why = {CmpFailure::BadCertTemplate, request.error().what};
    return std::nullopt;
  }
  if (const auto good = checkProof(in.content, request->key); !good) {
    why = {CmpFailure::BadPop, good.error().what};
    return std::nullopt;
  }
  return CrmfRequest{.request = *std::move(request), .id = kNoId, .validity = false, .old = {}};
}

bool isThis(const CertId& id, base::BytesView certificate) {
  const auto parsed = parseCertificate(certificate);
  if (!parsed) return false;
  return std::ranges::equal(id.issuer, parsed->issuer) && std::ranges::equal(id.serial, parsed->serial);
}

// A key update is signed with the key of the certificate that it renews.
bool mayUpdate(const CmpExchange& x, const CrmfRequest& asked, CmpRefusal& why) {
  if (x.in.type != CmpBody::Kur) return true;
  if (!x.holder) {
    why = {CmpFailure::NotAuthorized, "sign the key update with the key of the certificate that it renews"};
    return false;
  }
  if (!asked.old || isThis(*asked.old, x.holder->certificate)) return true;
  why = {CmpFailure::BadCertId, "the certificate to be renewed is not the one that signs the message"};
  return false;
}

void refuseRequest(const CmpExchangePtr& exchange, base::BytesView id, const CmpRefusal& refusal) {
  const CmpBody type = answerType(exchange->in.type);
  answer(exchange, {type, certRefusalBody(type, id, refusal)});
}

// The client gets what the user's row says; it is told where that is something else.
CmpStatus statusOf(const IssuedCertificate& issued, bool validity, base::BytesView subject) {
  const auto parsed = parseCertificate(issued.certificate);
  constexpr std::size_t kEmptyName = 2;  // bytes of DER
  const bool other = subject.size() > kEmptyName && !(parsed && std::ranges::equal(subject, parsed->subject));
  return validity || other ? CmpStatus::GrantedWithMods : CmpStatus::Accepted;
}

struct Asked {
  base::Bytes id;
  bool validity = false;
  base::Bytes subject;
};

void grant(const CmpExchangePtr& exchange, const Asked& asked, const IssuedCertificate& issued) {
  CertReply reply;
  reply.type = answerType(exchange->in.type);
  reply.id = asked.id;
  reply.status = statusOf(issued, asked.validity, asked.subject);
  reply.certificate = issued.certificate;
  if (exchange->mac) reply.authorities.assign(issued.chain.begin(), issued.chain.end());
  // The same key may have asked before, without implicit confirmation: then it must confirm.
  const bool implicit = exchange->in.implicitConfirm && issued.confirmBy == base::Time{};
  answer(exchange, {reply.type, certReplyBody(reply), implicit, true});
}

}  // namespace

void handleEnrolment(const CmpExchangePtr& exchange) {
  CmpExchange& x = *exchange;
  CmpRefusal why;
  auto request = askedIn(x.in, why);
  if (!request) return refuse(exchange, why);
  if (x.holder && !isFresh(x))
    return refuseRequest(exchange, request->id,
                         {CmpFailure::BadTime, "the message is not of this hour; set the clock"});
  if (!mayUpdate(x, *request, why)) return refuseRequest(exchange, request->id, why);
  const Asked asked{{request->id.begin(), request->id.end()}, request->validity, request->request.subject};
  const auto reply = [exchange, asked](const base::Result<IssuedCertificate>& issued) {
    answering(exchange, [&] {
      if (issued) return grant(exchange, asked, *issued);
      const base::Error& error = issued.error();
      if (error.reason == base::Reason::TokenRefused)
        return refuseSecret(exchange, exchange->core.backend.holdBack(exchange->user));
      if (isOurs(error)) return fail(exchange, error);
      refuseRequest(exchange, asked.id, refusalOf(error));
    });
  };
  const Confirm confirm = x.in.implicitConfirm ? Confirm::Implicit : Confirm::Explicit;
  if (x.holder) return x.core.backend.renew(x.holder->serial, std::move(request->request), confirm, reply);
  EnrolOrder order{.user = x.user,
                   .token = {},
                   .proven = true,
                   .sequence = x.token,
                   .request = std::move(request->request),
                   .confirm = confirm};
  x.core.backend.enrol(std::move(order), reply);
}

}  // namespace kms::pki
