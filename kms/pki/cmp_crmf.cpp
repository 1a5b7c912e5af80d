#include "kms/pki/cmp_crmf.h"

#include "kms/pki/cmp_oids.h"

namespace kms::pki {
namespace {

constexpr std::size_t kIdMost = 8;       // bytes of certReqId
constexpr std::size_t kSerialMost = 21;  // RFC 5280: 20, and a leading zero

std::nullopt_t refuse(CmpRefusal& why, CmpFailure failure, std::string text) {
  why = {failure, std::move(text)};
  return std::nullopt;
}

// CertTemplate (RFC 4211, section 5): all fields are optional, and tagged implicitly but for the names.
struct Template {
  base::BytesView serial;
  base::BytesView issuer;
  bool validity = false;
  base::BytesView subject;     // Name
  base::BytesView key;         // content of SubjectPublicKeyInfo
  base::BytesView extensions;  // content of Extensions
};

base::BytesView name(DerReader& in, unsigned number) {
  if (!in.next(contextTag(number))) return {};
  DerReader field = in.enter(contextTag(number));
  const auto value = field.element(kSequence);
  if (!field.done()) in.fail();
  return value;
}

base::BytesView constructed(DerReader& in, unsigned number) {
  return in.next(contextTag(number)) ? in.value(contextTag(number)) : base::BytesView{};
}

void skip(DerReader& in, std::uint8_t tag) {
  if (in.next(tag)) in.any();
}

Template readTemplate(DerReader in, DerReader& outer) {
  Template asked;
  skip(in, contextTag(0, false));  // version
  if (in.next(contextTag(1, false))) asked.serial = in.value(contextTag(1, false));
  skip(in, contextTag(2));  // signingAlg
  asked.issuer = name(in, 3);
  asked.validity = in.next(contextTag(4));
  skip(in, contextTag(4));
  asked.subject = name(in, 5);
  asked.key = constructed(in, 6);
  skip(in, contextTag(7, false));
  skip(in, contextTag(8, false));
  asked.extensions = constructed(in, 9);
  if (!in.done() || asked.serial.size() > kSerialMost) outer.fail();
  return asked;
}

base::Bytes asSequence(base::BytesView content) {
  Der der;
  der.element(kSequence, content);
  return std::move(der).take();
}

// GeneralName: a directoryName.
base::BytesView directoryName(DerReader& in) { return name(in, 4); }

// Controls := SEQUENCE OF SEQUENCE { OID, value }; only oldCertID says something to us.
std::optional<CertId> readControls(DerReader list, DerReader& outer) {
  std::optional<CertId> old;
  while (list.more()) {
    DerReader control = list.enter(kSequence);
    const bool known = base::asText(control.value(kOid)) == oid::kOldCertId;
    if (known) {
      DerReader id = control.enter(kSequence);
      old.emplace();
      old->issuer = directoryName(id);
      old->serial = id.value(kInteger);
      if (!id.done() || old->serial.size() > kSerialMost) outer.fail();
    } else {
      control.any();
    }
    if (!control.done()) outer.fail();
  }
  if (!list.ok()) outer.fail();
  return old;
}

// ProofOfPossession, with the signature over the CertRequest as it stands (RFC 4211, section 4.1).
bool checkPossession(DerReader& message, const PublicKey& key, base::BytesView request, CmpRefusal& why) {
  if (!message.next(contextTag(1))) {
    refuse(why, CmpFailure::BadPop, "show the new key by a signature over the request (POPOSigningKey)");
    return false;
  }
  DerReader proof = message.enter(contextTag(1));
  const bool otherInput = proof.next(contextTag(0));
  if (otherInput) proof.any();
  const auto algorithm = proof.element(kSequence);
  const auto signature = proof.bits();
  if (!proof.done() || otherInput) {
    refuse(why, CmpFailure::BadPop,
           "the proof of possession must be over the request itself, without poposkInput");
    return false;
  }
  if (const auto good = key.verify(algorithm, request, signature); !good) {
    refuse(why, CmpFailure::BadPop, "the request is not signed by its key: " + good.error().what);
    return false;
  }
  return true;
}

bool isReason(std::byte code) noexcept {
  const auto known = std::to_integer<unsigned>(code);
  return known <= static_cast<unsigned>(RevocationReason::PrivilegeWithdrawn) &&
         known != 7;  // RFC 5280: no 7
}

// ok turns false where it is malformed, known where it is none of ours.
std::optional<RevocationReason> readReason(base::BytesView content, bool& ok, bool& known) {
  DerReader list(content);
  std::optional<RevocationReason> reason;
  while (list.more()) {
    DerReader extension = list.enter(kSequence);
    const bool wanted = base::asText(extension.value(kOid)) == oid::kReasonCode;
    if (extension.next(kBoolean)) extension.boolean();
    DerReader value(extension.value(kOctetString));
    if (!extension.done()) ok = false;
    if (!wanted) continue;
    const auto code = value.value(kEnumerated);
    if (!value.done() || code.size() != 1) ok = false;
    if (!ok) break;
    known = isReason(code.front());
    if (known) reason = static_cast<RevocationReason>(code.front());
  }
  ok = ok && list.ok();
  return reason;
}

const char* digestName(base::BytesView id) noexcept {
  const auto name = base::asText(id);
  if (name == oid::kSha256 || name == oid::kEcdsaSha256 || name == oid::kRsaSha256) return "SHA256";
  if (name == oid::kSha384 || name == oid::kEcdsaSha384 || name == oid::kRsaSha384) return "SHA384";
  if (name == oid::kSha512 || name == oid::kEcdsaSha512 || name == oid::kRsaSha512 || name == oid::kEd25519)
    return "SHA512";
  return nullptr;
}

}  // namespace

std::optional<CrmfRequest> parseCrmf(base::BytesView content, CmpRefusal& why) {
  DerReader body(content);
  DerReader list = body.enter(kSequence);
  DerReader message = list.enter(kSequence);
  if (list.more()) return refuse(why, CmpFailure::BadRequest, "ask for one certificate in a message");
  const auto whole = message.element(kSequence);
  DerReader outer(whole);
  DerReader fields = outer.enter(kSequence);
  const auto id = fields.value(kInteger);
  const Template asked = readTemplate(fields.enter(kSequence), fields);
  std::optional<CertId> old;
  if (fields.more()) old = readControls(fields.enter(kSequence), fields);
  if (!body.done() || !list.done() || !message.ok() || !outer.done() || !fields.done() || id.empty() ||
      id.size() > kIdMost)
    return refuse(why, CmpFailure::BadDataFormat, "the certificate request (CRMF) is malformed");
  auto key = PublicKey::parse(asSequence(asked.key));
  if (!key) return refuse(why, CmpFailure::BadCertTemplate, key.error().what);
  if (!checkPossession(message, *key, whole, why)) return std::nullopt;
  skip(message, kSequence);  // regInfo
  if (!message.done())
    return refuse(why, CmpFailure::BadDataFormat, "the certificate request (CRMF) is malformed");
  CrmfRequest request{
      .request = {.key = *std::move(key), .subject = {asked.subject.begin(), asked.subject.end()}},
      .id = id,
      .validity = asked.validity,
      .old = old};
  if (asked.subject.empty()) request.request.subject = asSequence({});
  const base::Bytes extensions = asked.extensions.empty() ? base::Bytes{} : asSequence(asked.extensions);
  if (const auto good = readAsked(extensions, request.request); !good)
    return refuse(why, CmpFailure::BadCertTemplate, good.error().what);
  return request;
}

std::optional<RevocationAsked> parseRevocation(base::BytesView content, CmpRefusal& why) {
  DerReader body(content);
  DerReader list = body.enter(kSequence);
  DerReader details = list.enter(kSequence);
  if (list.more()) return refuse(why, CmpFailure::BadRequest, "revoke one certificate in a message");
  const Template asked = readTemplate(details.enter(kSequence), details);
  bool ok = true;
  bool known = true;
  std::optional<RevocationReason> reason;
  if (details.more()) reason = readReason(details.value(kSequence), ok, known);
  if (!ok || !body.done() || !list.done() || !details.done())
    return refuse(why, CmpFailure::BadDataFormat, "the revocation request is malformed");
  if (asked.serial.empty() || asked.issuer.empty())
    return refuse(why, CmpFailure::BadCertTemplate, "name the certificate by its issuer and serial number");
  if (!known) return refuse(why, CmpFailure::BadRequest, "this reason for a revocation is not known");
  return RevocationAsked{{asked.issuer, asked.serial}, reason.value_or(RevocationReason::Unspecified)};
}

std::optional<CertConf> parseCertConf(base::BytesView content, CmpRefusal& why) {
  DerReader body(content);
  DerReader list = body.enter(kSequence);
  if (list.done())
    return refuse(why, CmpFailure::BadRequest, "confirm or reject the certificate by its hash");
  DerReader status = list.enter(kSequence);
  CertConf asked;
  asked.hash = status.value(kOctetString);
  status.value(kInteger);  // certReqId: the hash says it
  std::uint64_t number = 0;
  if (status.next(kSequence)) {
    DerReader info = status.enter(kSequence);
    number = info.small();
    skip(info, kSequence);
    skip(info, kBitString);
    if (!info.done()) status.fail();
  }
  bool badDigest = false;
  if (status.next(contextTag(0))) {
    DerReader field = status.enter(contextTag(0));
    DerReader algorithm = field.enter(kSequence);
    const auto digest = algorithm.value(kOid);
    if (algorithm.more()) algorithm.value(kNull);
    if (!algorithm.done() || !field.done()) status.fail();
    asked.digest = digestName(digest);
    badDigest = asked.digest == nullptr;
  }
  if (!body.done() || !list.ok() || !status.done())
    return refuse(why, CmpFailure::BadDataFormat, "the confirmation is malformed");
  if (list.more()) return refuse(why, CmpFailure::BadRequest, "confirm one certificate in a message");
  if (badDigest)
    return refuse(why, CmpFailure::BadAlg, "hash the certificate with SHA-256, SHA-384 or SHA-512");
  if (number > static_cast<std::uint64_t>(CmpStatus::Rejection))
    return refuse(why, CmpFailure::BadRequest, "accept or reject the certificate");
  asked.accepted = number != static_cast<std::uint64_t>(CmpStatus::Rejection);
  return asked;
}

const char* confirmationDigest(base::BytesView certificate) noexcept {
  DerReader outer(certificate);
  DerReader whole = outer.enter(kSequence);
  whole.value(kSequence);
  return digestName(whole.enter(kSequence).value(kOid));
}

}  // namespace kms::pki
