#include "kms/pki/ocsp.h"

#include <algorithm>

#include "kms/pki/der.h"
#include "kms/pki/digest.h"
#include "kms/pki/oids.h"

namespace kms::pki {
namespace {

base::Error malformed() { return {base::Code::Invalid, "this is no OCSP request"}; }

base::Bytes copy(base::BytesView bytes) { return {bytes.begin(), bytes.end()}; }

// CertID ::= SEQUENCE { hashAlgorithm, issuerNameHash, issuerKeyHash, serialNumber }
OcspQuestion questionOf(DerReader& in, bool& ok) {
  OcspQuestion question;
  const auto whole = in.element(kSequence);
  DerReader outer(whole);
  DerReader id = outer.enter(kSequence);
  DerReader algorithm = id.enter(kSequence);
  const auto hash = base::asText(algorithm.value(kOid));
  // Nothing else, of any size: it is repeated in the answer, which may be kept.
  if (algorithm.more()) ok = algorithm.value(kNull).empty() && ok;
  question.issuerName = copy(id.value(kOctetString));
  question.issuerKey = copy(id.value(kOctetString));
  const auto serial = id.value(kInteger);
  ok = ok && outer.ok() && algorithm.done() && id.done() && !serial.empty();
  question.certId = copy(whole);
  for (const std::string_view known : {oid::kSha1, oid::kSha256})
    if (hash == known) question.hash = known;
  if (serial.size() == Serial{}.size()) {
    question.serial.emplace();
    std::ranges::copy(serial, question.serial->begin());
  }
  return question;
}

// Extensions ::= SEQUENCE OF SEQUENCE { OID, critical BOOLEAN DEFAULT FALSE, OCTET STRING }. What is critical
// and not known makes the request one that cannot be answered.
base::Bytes nonceIn(DerReader list, bool& ok) {
  base::Bytes nonce;
  while (list.more()) {
    DerReader extension = list.enter(kSequence);
    const auto id = base::asText(extension.value(kOid));
    const bool critical = extension.next(kBoolean) && extension.boolean();
    const auto value = extension.value(kOctetString);
    ok = ok && extension.done();
    if (id != oid::kOcspNonce) {
      ok = ok && !critical;
      continue;
    }
    DerReader inner(value);
    nonce = copy(inner.value(kOctetString));
    ok = ok && inner.done() && !nonce.empty() && nonce.size() <= kMostOcspNonce;
  }
  ok = ok && list.ok();
  return nonce;
}

// Of the subjectPublicKey BIT STRING.
std::array<std::byte, 32> sha256OfKey(const PublicKey& key) {
  DerReader info(key.spki());
  DerReader fields = info.enter(kSequence);
  fields.value(kSequence);
  return sha256(fields.bits());
}

}  // namespace

base::Result<OcspQuery> parseOcspQuery(base::BytesView der) {
  OcspQuery query;
  bool ok = der.size() <= kMostDer;
  DerReader outer(der);
  DerReader whole = outer.enter(kSequence);
  DerReader request = whole.enter(kSequence);
  if (whole.next(contextTag(0))) whole.any();  // a signature
  ok = ok && outer.done() && whole.done();
  if (request.next(contextTag(0))) {
    DerReader version = request.enter(contextTag(0));
    ok = ok && version.small() == 0 && version.done();
  }
  if (request.next(contextTag(1))) request.any();  // the requestor's name
  DerReader list = request.enter(kSequence);
  while (ok && list.more()) {
    if (query.questions.size() == kMostOcspQuestions) return malformed();
    DerReader one = list.enter(kSequence);
    query.questions.push_back(questionOf(one, ok));
    if (one.next(contextTag(0))) one.any();
    ok = ok && one.done();
  }
  ok = ok && list.ok() && !query.questions.empty();
  if (request.next(contextTag(2))) {
    DerReader extensions = request.enter(contextTag(2));
    query.nonce = nonceIn(extensions.enter(kSequence), ok);
    ok = ok && extensions.done();
  }
  if (!ok || !request.done()) return malformed();
  return query;
}

bool isAbout(const OcspQuestion& question, const Certificate& issuer, const PublicKey& key) {
  const auto fits = [&](base::BytesView name, base::BytesView keyHash) {
    return std::ranges::equal(question.issuerName, name) && std::ranges::equal(question.issuerKey, keyHash);
  };
  if (question.hash == oid::kSha1) return fits(sha1(issuer.subject), key.identifier());
  if (question.hash != oid::kSha256) return false;
  return fits(sha256(issuer.subject), sha256OfKey(key));
}

base::Bytes ocspCertId(std::string_view hash, const Certificate& issuer, const PublicKey& key,
                       const Serial& serial) {
  const bool small = hash == oid::kSha1;
  Der der;
  der.sequence([&] {
    der.sequence([&] {
      der.oid(hash);
      der.null();
    });
    der.element(kOctetString, small ? copy(sha1(issuer.subject)) : copy(sha256(issuer.subject)));
    der.element(kOctetString, small ? copy(key.identifier()) : copy(sha256OfKey(key)));
    der.natural(serial);
  });
  return std::move(der).take();
}

base::Bytes ocspRefusal(OcspRefusal why) {
  Der der;
  der.sequence([&] { der.small(static_cast<std::uint8_t>(why), kEnumerated); });
  return std::move(der).take();
}

}  // namespace kms::pki
