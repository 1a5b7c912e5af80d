#include "kms/pki/ocsp_ready.h"

#include <algorithm>

#include "kms/pki/der.h"
#include "kms/pki/oids.h"

namespace kms::pki {
namespace {

constexpr std::chrono::seconds kEarly = std::chrono::minutes(5);  // that a clock may have been set back

base::Error damaged(const char* what) { return {base::Code::Corrupt, what}; }

// Whether `issuer` has signed the certificate.
bool hasSigned(const PublicKey& issuer, const Certificate& certificate) {
  DerReader outer(certificate.der);
  DerReader fields = outer.enter(kSequence);
  const auto content = fields.element(kSequence);
  const auto algorithm = fields.element(kSequence);
  const auto signature = fields.bits();
  return fields.done() && outer.done() && bool(issuer.verify(algorithm, content, signature));
}

}  // namespace

base::Result<ReadyAnswers::Signer> ReadyAnswers::read(const KeptSigner& kept) {
  auto authority = parseCertificate(kept.authority);
  if (!authority) return damaged("the certificate of an authority in the kept OCSP answers is none");
  auto authorityKey = keyOf(*authority);
  auto own = parseCertificate(kept.certificate);
  if (!authorityKey || !own) return damaged("the certificate of a signer of kept OCSP answers is none");
  auto key = keyOf(*own);
  if (!key || own->issuer != authority->subject || !hasSigned(*authorityKey, *own))
    return damaged("the signer of kept OCSP answers is not the authority's");
  return Signer{*std::move(authority), *std::move(authorityKey), *std::move(own), *std::move(key)};
}

base::Result<std::shared_ptr<const ReadyAnswers>> ReadyAnswers::make(KeptAnswers kept) {
  auto out = std::make_shared<ReadyAnswers>();
  for (const KeptSigner& one : kept.signers) {
    auto signer = read(one);
    if (!signer) return std::move(signer).error();
    out->signers_.push_back(*std::move(signer));
  }
  for (const KeptAnswer& one : kept.answers)
    if (!out->until_ || one.until() < *out->until_) out->until_ = one.until();
  out->kept_ = std::move(kept);
  return std::shared_ptr<const ReadyAnswers>(std::move(out));
}

base::Result<std::optional<ReadyAnswers::Given>> ReadyAnswers::answer(const OcspQuestion& question,
                                                                      base::Time now) const {
  std::optional<Given> none;
  if (!question.serial || question.hash.empty()) return none;
  const KeptHash hash = question.hash == oid::kSha1 ? KeptHash::Sha1 : KeptHash::Sha256;
  const KeptAnswer* const found = kept_.find(*question.serial, hash);
  if (found == nullptr || now >= found->until() || now < found->made - kEarly) return none;
  const Signer& signer = signers_[found->signer];
  if (now >= signer.own.notAfter || now >= signer.authority.notAfter) return none;
  if (!isAbout(question, signer.authority, signer.authorityKey)) return none;
  OcspQuery query;
  query.questions.push_back(question);
  query.questions.front().certId =
      ocspCertId(oidOf(hash), signer.authority, signer.authorityKey, *question.serial);
  const base::Bytes data =
      ocspResponseData(signer.key, query, {found->answer}, {found->made, found->until()});
  const base::Bytes& algorithm = kept_.signers[found->signer].algorithm;
  if (!signer.key.verify(algorithm, data, found->signature))
    return damaged("a kept OCSP answer is not what its signer has signed");
  return std::optional(
      Given{ocspResponse(data, algorithm, found->signature, signer.own.der), found->answer.state});
}

}  // namespace kms::pki
