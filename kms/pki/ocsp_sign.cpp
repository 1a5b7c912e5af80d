#include <ctime>

#include "kms/pki/der.h"
#include "kms/pki/ocsp.h"
#include "kms/pki/oids.h"

namespace kms::pki {
namespace {

// In OCSP all times are GeneralizedTime.
void generalizedTime(Der& der, base::Time at) {
  const std::time_t seconds = at.time_since_epoch().count();
  std::tm parts{};
  char text[sizeof "YYYYMMDDHHMMSSZ"] = {};
  if (::gmtime_r(&seconds, &parts) != nullptr) std::strftime(text, sizeof text, "%Y%m%d%H%M%SZ", &parts);
  der.element(kGeneralizedTime, std::string_view(text));
}

void status(Der& der, const OcspAnswer& answer) {
  if (answer.state != OcspState::Revoked)
    return der.element(contextTag(answer.state == OcspState::Good ? 0 : 2, false), base::BytesView{});
  der.nest(contextTag(1), [&] {
    generalizedTime(der, answer.revokedAt);
    if (answer.reason == RevocationReason::Unspecified) return;
    der.nest(contextTag(0), [&] { der.small(static_cast<std::uint8_t>(answer.reason), kEnumerated); });
  });
}

void single(Der& der, const OcspQuestion& question, const OcspAnswer& answer, CrlTimes times) {
  der.sequence([&] {
    der.raw(question.certId);
    status(der, answer);
    generalizedTime(der, times.thisUpdate);
    der.nest(contextTag(0), [&] { generalizedTime(der, times.nextUpdate); });
  });
}

void nonce(Der& der, base::BytesView value) {
  der.nest(contextTag(1), [&] {
    der.sequence([&] {
      der.sequence([&] {
        der.oid(oid::kOcspNonce);
        der.nest(kOctetString, [&] { der.element(kOctetString, value); });
      });
    });
  });
}

}  // namespace

base::Bytes ocspResponseData(const PublicKey& signer, const OcspQuery& query,
                             const std::vector<OcspAnswer>& answers, CrlTimes times) {
  Der der;
  der.sequence([&] {
    der.nest(contextTag(2), [&] { der.element(kOctetString, signer.identifier()); });
    generalizedTime(der, times.thisUpdate);
    der.sequence([&] {
      for (std::size_t i = 0; i < query.questions.size(); ++i)
        single(der, query.questions[i], answers[i], times);
    });
    if (!query.nonce.empty()) nonce(der, query.nonce);
  });
  return std::move(der).take();
}

base::Bytes ocspResponse(base::BytesView data, base::BytesView algorithm, base::BytesView signature,
                         base::BytesView certificate) {
  Der basic;
  basic.sequence([&] {
    basic.raw(data);
    basic.raw(algorithm);
    basic.bits(signature);
    basic.nest(contextTag(0), [&] { basic.sequence([&] { basic.raw(certificate); }); });
  });
  Der der;
  der.sequence([&] {
    der.small(0, kEnumerated);  // successful
    der.nest(contextTag(0), [&] {
      der.sequence([&] {
        der.oid(oid::kOcspBasic);
        der.element(kOctetString, basic.view());
      });
    });
  });
  return std::move(der).take();
}

base::Result<base::Bytes> signOcspResponse(const Issuer& signer, const OcspQuery& query,
                                           const std::vector<OcspAnswer>& answers, CrlTimes times) {
  if (answers.size() != query.questions.size())
    return base::Error{base::Code::Internal, "an OCSP question has no answer"};
  const base::Bytes data = ocspResponseData(signer.key.publicKey(), query, answers, times);
  auto signature = signer.key.sign(data);
  if (!signature) return signature;
  return ocspResponse(data, signer.key.algorithm(), *signature, signer.certificate.der);
}

}  // namespace kms::pki
