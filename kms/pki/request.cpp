#include "kms/pki/request.h"

#include <algorithm>

#include "kms/pki/base64.h"
#include "kms/pki/certificate.h"
#include "kms/pki/extensions.h"
#include "kms/pki/name.h"
#include "kms/pki/oids.h"
#include "kms/pki/profile.h"

namespace kms::pki {
namespace {

constexpr std::size_t kTextMost = 2 * kMostDer;
constexpr std::size_t kAttributesMost = 64;

base::Error invalid(std::string what) { return {base::Code::Invalid, std::move(what)}; }
base::Error malformed(const char* what) {
  return invalid("this is not a certification request (PKCS#10): " + std::string(what));
}
base::Error tooMuch(const char* what) {
  return invalid("the request asks for " + std::string(what) + ", which no user's certificate has");
}

// Attributes that describe where somebody is; they go into no certificate, and say not who somebody is.
bool describes(std::string_view type) {
  constexpr std::string_view kDescribing[] = {oid::kCountry, oid::kLocality, oid::kState, oid::kStreet,
                                              oid::kUnit,    oid::kTitle,    oid::kDomain};
  return std::find(std::begin(kDescribing), std::end(kDescribing), type) != std::end(kDescribing);
}

base::Result<void> readSubject(CertificateRequest& request) {
  const auto attributes = readName(request.subject);
  if (!attributes) return malformed("its subject is malformed");
  for (const NameAttribute& attribute : *attributes) {
    const auto type = base::asText(attribute.type);
    if (describes(type)) continue;
    if (!attribute.text)
      return invalid("a name in the request is no text, or holds control characters; use UTF8String");
    if (type == oid::kCommonName)
      request.commonNames.push_back(*attribute.text);
    else if (type == oid::kMail)
      request.mails.push_back(*attribute.text);
    else if (type == oid::kOrganisation)
      request.organisations.push_back(*attribute.text);
    else
      request.otherNames = true;
  }
  return {};
}

base::Result<void> checkExtendedUsage(base::BytesView value) {
  const auto uses = readExtendedUsage(value);
  if (!uses) return malformed("its extended key usage is malformed");
  for (const base::BytesView use : *uses) {
    const auto id = base::asText(use);
    if (id == oid::kOcspSigning) return tooMuch("the right to sign OCSP answers");
    if (id == oid::kCmcRa || id == oid::kCmcCa) return tooMuch("the rights of an authority");
  }
  return {};
}

base::Result<void> readExtension(const Extension& extension, CertificateRequest& request) {
  const auto id = base::asText(extension.id);
  if (id == oid::kBasicConstraints) {
    const auto constraints = readBasicConstraints(extension.value);
    if (!constraints) return malformed("its basic constraints are malformed");
    if (constraints->authority) return tooMuch("an authority's certificate (CA:TRUE)");
  } else if (id == oid::kKeyUsage) {
    const auto usage = readKeyUsage(extension.value);
    if (!usage) return malformed("its key usage is malformed");
    if ((*usage & kCertSign) != 0) return tooMuch("the right to sign certificates");
    if ((*usage & kCrlSign) != 0) return tooMuch("the right to sign CRLs");
  } else if (id == oid::kExtendedUsage) {
    return checkExtendedUsage(extension.value);
  } else if (id == oid::kAlternativeName) {
    auto names = readAlternativeNames(extension.value);
    if (!names) return malformed("its subject alternative name is malformed");
    std::move(names->mails.begin(), names->mails.end(), std::back_inserter(request.mails));
    std::move(names->dns.begin(), names->dns.end(), std::back_inserter(request.dns));
    request.otherNames = request.otherNames || names->others;
  }
  return {};
}

// Attribute := SEQUENCE { OID, SET OF value }; of those that ask for extensions the value is Extensions.
base::Result<void> readAttributes(DerReader attributes, CertificateRequest& request) {
  std::size_t count = 0;
  while (attributes.more()) {
    DerReader attribute = attributes.enter(kSequence);
    const auto type = base::asText(attribute.value(kOid));
    DerReader values = attribute.enter(kSet);
    if (!attribute.done() || ++count > kAttributesMost) return malformed("its attributes are malformed");
    if (type != oid::kExtensionRequest && type != oid::kExtensionRequestMs) continue;
    const auto extensions = readExtensions(values.element(kSequence));
    if (!extensions || !values.done()) return malformed("the extensions it asks for are malformed");
    for (const Extension& extension : *extensions)
      if (auto good = readExtension(extension, request); !good) return good;
  }
  if (!attributes.done()) return malformed("its attributes are malformed");
  return {};
}

struct Parts {
  base::BytesView info;
  base::BytesView algorithm;
  base::BytesView signature;
};

std::optional<Parts> partsOf(base::BytesView der) {
  DerReader outer(der);
  DerReader whole = outer.enter(kSequence);
  Parts parts;
  parts.info = whole.element(kSequence);
  parts.algorithm = whole.element(kSequence);
  parts.signature = whole.bits();
  if (!outer.done() || !whole.done()) return std::nullopt;
  return parts;
}

bool sameName(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

bool among(const std::vector<std::string>& names, std::string_view name) {
  return std::any_of(names.begin(), names.end(), [&](std::string_view own) { return sameName(own, name); });
}

}  // namespace

base::Result<CertificateRequest> readRequest(base::BytesView der) {
  if (der.size() > kMostDer) return malformed("it is larger than 64 KiB");
  const auto parts = partsOf(der);
  if (!parts) return malformed("its DER is malformed");
  DerReader infoReader(parts->info);
  DerReader fields = infoReader.enter(kSequence);
  if (fields.small() != 0) return malformed("its version is unknown");
  const auto subject = fields.element(kSequence);
  const auto spki = fields.element(kSequence);
  DerReader attributes(base::BytesView{});
  if (fields.more()) attributes = fields.enter(contextTag(0));
  if (!fields.done()) return malformed("its DER is malformed");
  auto key = PublicKey::parse(spki);
  if (!key) return std::move(key).error();
  CertificateRequest request{.key = *std::move(key), .subject = {subject.begin(), subject.end()}};
  if (auto good = readSubject(request); !good) return std::move(good).error();
  if (auto good = readAttributes(attributes, request); !good) return std::move(good).error();
  return request;
}

base::Result<void> checkProof(base::BytesView der, const PublicKey& key) {
  const auto parts = partsOf(der);
  if (!parts) return malformed("its DER is malformed");
  if (auto good = key.verify(parts->algorithm, parts->info, parts->signature); !good)
    return invalid("the request is not signed by its key: " + good.error().what);
  return {};
}

base::Result<CertificateRequest> parseRequest(base::BytesView der) {
  auto request = readRequest(der);
  if (!request) return request;
  if (auto good = checkProof(der, request->key); !good) return std::move(good).error();  // costs most
  return request;
}

base::Result<void> readAsked(base::BytesView extensions, CertificateRequest& request) {
  if (auto good = readSubject(request); !good) return good;
  if (extensions.empty()) return {};
  const auto list = readExtensions(extensions);
  if (!list) return malformed("the extensions it asks for are malformed");
  for (const Extension& extension : *list)
    if (auto good = readExtension(extension, request); !good) return good;
  return {};
}

base::Result<CertificateRequest> parseRequestText(base::BytesView text) {
  if (text.size() > kTextMost) return malformed("it is larger than 128 KiB");
  if (!text.empty() && text.front() == std::byte{kSequence}) return parseRequest(text);
  const auto blocks = pemBlocks(base::asText(text), {"CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"}, 1);
  if (!blocks) return malformed("its PEM is damaged, or there are several");
  if (blocks->empty()) return malformed("it is neither DER nor PEM (BEGIN CERTIFICATE REQUEST)");
  return parseRequest(blocks->front());
}

base::Result<void> checkNames(const CertificateRequest& request, const Subject& user) {
  const auto denied = [](const std::string& what) {
    return base::Error{base::Code::Denied, "the request asks for " + what + ", which is not the user's"};
  };
  for (const auto& name : request.commonNames)
    if (!sameName(name, user.commonName) && !sameName(name, user.mail) && !among(user.dns, name))
      return denied("the common name " + name);
  for (const auto& name : request.organisations)
    if (!sameName(name, user.organisation)) return denied("the organisation " + name);
  for (const auto& name : request.mails)
    if (!sameName(name, user.mail)) return denied("the mail address " + name);
  for (const auto& name : request.dns)
    if (!among(user.dns, name)) return denied("the DNS name " + name);
  if (request.otherNames) return denied("an address, a URI or a name of another kind");
  return {};
}

}  // namespace kms::pki
