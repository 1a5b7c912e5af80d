#include "kms/pki/signer.h"

#include <algorithm>

#include "kms/pki/extensions.h"
#include "kms/pki/name.h"
#include "kms/pki/oids.h"

namespace kms::pki {
namespace {

struct Use {
  ExtendedUse bit;
  std::string_view oid;
};
constexpr Use kUses[] = {{kServerAuth, oid::kServerAuth},
                         {kClientAuth, oid::kClientAuth},
                         {kEmailProtection, oid::kEmailProtection},
                         {kOcspSigning, oid::kOcspSigning},
                         {kCmcRa, oid::kCmcRa}};

// Tags of GeneralName (RFC 5280, section 4.2.1.6).
constexpr std::uint8_t kMailName = contextTag(1, false);
constexpr std::uint8_t kDnsName = contextTag(2, false);
constexpr std::uint8_t kUri = contextTag(6, false);
constexpr std::uint8_t kAddress = contextTag(7, false);

constexpr std::string_view kNumberPlace = "{ca}";

base::Error invalid(const char* what) { return {base::Code::Invalid, what}; }
base::Error internal(const char* what) { return {base::Code::Internal, what}; }

void writeAuthorityUse(Der& der, std::uint16_t use) {
  writeExtension(der, oid::kBasicConstraints, true, [&] {
    der.sequence([&] {
      der.yes();
      der.small(0);  // signs no further authorities; certificates of its own new key do not count
    });
  });
  writeExtension(der, oid::kKeyUsage, true, [&] { der.flags(use); });
}

void writeKeyIdentifier(Der& der, const PublicKey& key) {
  writeExtension(der, oid::kKeyIdentifier, false, [&] { der.element(kOctetString, key.identifier()); });
}

void writeUses(Der& der, const ProfileRow& profile, const PublicKey& key) {
  const std::uint16_t use = key.isRsa() ? profile.keyUseRsa : profile.keyUse;
  if (profile.profile == Profile::Authority) return writeAuthorityUse(der, use);
  writeExtension(der, oid::kBasicConstraints, true, [&] { der.sequence([] {}); });
  writeExtension(der, oid::kKeyUsage, true, [&] { der.flags(use); });
  if (profile.extendedUse == 0) return;
  writeExtension(der, oid::kExtendedUsage, false, [&] {
    der.sequence([&] {
      for (const Use& known : kUses)
        if ((profile.extendedUse & known.bit) != 0) der.oid(known.oid);
    });
  });
}

void writeAlternativeNames(Der& der, const ProfileRow& profile, const Subject& subject) {
  const bool mail = profile.mail && !subject.mail.empty();
  const bool hosts = profile.hosts && !(subject.dns.empty() && subject.addresses.empty());
  if (!mail && !hosts) return;
  writeExtension(der, oid::kAlternativeName, false, [&] {
    der.sequence([&] {
      if (mail) der.element(kMailName, subject.mail);
      if (!hosts) return;
      for (const auto& name : subject.dns) der.element(kDnsName, name);
      for (const auto& address : subject.addresses)
        der.element(kAddress, addressBytes(address).value_or(base::Bytes{}));
    });
  });
}

void writeAddresses(Der& der, const Addresses& where) {
  if (!where.crl.empty()) {
    writeExtension(der, oid::kCrlPoints, false, [&] {
      der.sequence([&] {
        der.sequence([&] {  // one DistributionPoint: the same list at each address
          der.nest(contextTag(0), [&] {
            der.nest(contextTag(0), [&] {
              for (const auto& address : where.crl) der.element(kUri, address);
            });
          });
        });
      });
    });
  }
  if (where.ocsp.empty() && where.authority.empty()) return;
  const auto access = [&](std::string_view method, std::string_view address) {
    if (address.empty()) return;
    der.sequence([&] {
      der.oid(method);
      der.element(kUri, address);
    });
  };
  writeExtension(der, oid::kAuthorityAccess, false, [&] {
    der.sequence([&] {
      access(oid::kAccessOcsp, where.ocsp);
      access(oid::kAccessIssuers, where.authority);
    });
  });
}

void writeIssuerIdentifier(Der& der, const Issuer& issuer) {
  writeExtension(der, oid::kAuthorityKeyIdentifier, false,
                 [&] { der.sequence([&] { der.element(contextTag(0, false), identifierOf(issuer)); }); });
}

struct Validity {
  base::Time notBefore{};
  base::Time notAfter{};
};

// All in front of the extensions; `writeIssuer` and `writeSubject` write Names.
template <class WriteIssuer, class WriteSubject>
void writeHead(Der& der, const Serial& serial, base::BytesView algorithm, WriteIssuer writeIssuer,
               Validity validity, WriteSubject writeSubject, const PublicKey& key) {
  der.nest(contextTag(0), [&] { der.small(2); });  // version 3
  der.natural(serial);
  der.raw(algorithm);
  writeIssuer();
  der.sequence([&] {
    der.time(validity.notBefore);
    der.time(validity.notAfter);
  });
  writeSubject();
  der.raw(key.spki());
}

template <class Write>
void writeExtensions(Der& der, Write write) {
  der.nest(contextTag(3), [&] { der.sequence(write); });
}

base::Result<void> checkValidity(Validity validity) {
  if (validity.notAfter <= validity.notBefore) return invalid("a certificate must end after it begins");
  if (!derTime(validity.notBefore) || !derTime(validity.notAfter))
    return invalid("a certificate's years must be from 1950 to 9999");
  return {};
}

base::Result<void> checkOrder(const Issuer& issuer, const CertificateOrder& order,
                              const ProfileRow& profile) {
  if (order.key == nullptr) return internal("a certificate was ordered without a key");
  if (!goodSerial(order.serial)) return internal("a certificate was ordered with a bad serial number");
  if (issuer.key.publicKey().hash() != issuer.certificate.key)
    return internal("the authority's key is not that of its certificate");
  if (auto good = checkSubject(order.subject); !good) return good;
  if (order.notBefore >= issuer.certificate.notAfter)
    return invalid("the authority's certificate has ended; renew the authority first");
  if (profile.profile == Profile::Encryption && !order.key->canEncrypt())
    return invalid("an Ed25519 key cannot encrypt; use an RSA or ECDSA key");
  if (profile.profile == Profile::Server && order.subject.dns.empty() && order.subject.addresses.empty())
    return invalid("a server's certificate needs a DNS name or an address");
  return {};
}

void putNumber(std::string& address, std::int64_t number) {
  for (auto at = address.find(kNumberPlace); at != address.npos; at = address.find(kNumberPlace))
    address.replace(at, kNumberPlace.size(), std::to_string(number));
}

bool hasNumber(const std::string& address) { return address.find(kNumberPlace) != address.npos; }

}  // namespace

Addresses numbered(Addresses where, std::int64_t authority) {
  for (std::string& list : where.crl) putNumber(list, authority);
  putNumber(where.ocsp, authority);
  putNumber(where.authority, authority);
  return where;
}

bool lacksNumber(const Addresses& where) noexcept {
  return !std::ranges::all_of(where.crl, hasNumber) ||
         !(where.authority.empty() || hasNumber(where.authority));
}

base::BytesView identifierOf(const Issuer& issuer) noexcept {
  if (!issuer.certificate.keyIdentifier.empty()) return issuer.certificate.keyIdentifier;
  return issuer.key.publicKey().identifier();
}

Serial newSerial(base::Rng& rng) {
  Serial serial{};
  do {
    rng.fill(serial);
    serial[0] &= std::byte{0x7F};
  } while (!goodSerial(serial));
  return serial;
}

base::Result<base::Bytes> signContent(const PrivateKey& key, base::BytesView content) {
  auto signature = key.sign(content);
  if (!signature) return std::move(signature).error();
  Der der;
  der.sequence([&] {
    der.raw(content);
    der.raw(key.algorithm());
    der.bits(*signature);
  });
  return std::move(der).take();
}

base::Result<base::Bytes> signCertificate(const Issuer& issuer, const CertificateOrder& order,
                                          const Addresses& where) {
  const ProfileRow& profile = row(order.profile);
  if (auto good = checkOrder(issuer, order, profile); !good) return std::move(good).error();
  const Certificate& above = issuer.certificate;
  const Validity validity{order.notBefore, std::min(order.notAfter, above.notAfter)};
  if (auto good = checkValidity(validity); !good) return std::move(good).error();
  Der der;
  der.sequence([&] {
    writeHead(
        der, order.serial, issuer.key.algorithm(), [&] { der.raw(above.subject); }, validity,
        [&] { writeName(der, order.subject); }, *order.key);
    writeExtensions(der, [&] {
      writeUses(der, profile, *order.key);
      writeKeyIdentifier(der, *order.key);
      writeIssuerIdentifier(der, issuer);
      writeAlternativeNames(der, profile, order.subject);
      // Nobody asks about the one who answers (RFC 6960, section 4.2.2.2.1): it lives short instead.
      if (profile.profile == Profile::Ocsp)
        writeExtension(der, oid::kOcspNoCheck, false, [&] { der.null(); });
      else
        writeAddresses(der, where);
    });
  });
  return signContent(issuer.key, der.view());
}

base::Result<base::Bytes> signAuthority(const PrivateKey& key, const Subject& subject, const Serial& serial,
                                        base::Time from, std::chrono::seconds life) {
  if (auto good = checkSubject(subject); !good) return std::move(good).error();
  Der name;
  writeName(name, subject);
  return signAuthority(key, name.view(), serial, from, life);
}

base::Result<base::Bytes> signAuthority(const PrivateKey& key, base::BytesView name, const Serial& serial,
                                        base::Time from, std::chrono::seconds life) {
  const Validity validity{from, from + life};
  if (auto good = checkValidity(validity); !good) return std::move(good).error();
  if (!goodSerial(serial)) return internal("a certificate was ordered with a bad serial number");
  const auto writeOwnName = [&](Der& der) { der.raw(name); };
  Der der;
  der.sequence([&] {
    writeHead(
        der, serial, key.algorithm(), [&] { writeOwnName(der); }, validity, [&] { writeOwnName(der); },
        key.publicKey());
    writeExtensions(der, [&] {
      writeUses(der, row(Profile::Authority), key.publicKey());
      writeKeyIdentifier(der, key.publicKey());
    });
  });
  return signContent(key, der.view());
}

base::Result<base::Bytes> signLink(const Issuer& issuer, const Issuer& other, const Serial& serial,
                                   base::Time from, const Addresses& where) {
  if (issuer.certificate.subject != other.certificate.subject)
    return invalid("an authority's old and new key can only be linked where both have the same name");
  const Validity validity{from, std::min(issuer.certificate.notAfter, other.certificate.notAfter)};
  if (auto good = checkValidity(validity); !good) return std::move(good).error();
  if (!goodSerial(serial)) return internal("a certificate was ordered with a bad serial number");
  const PublicKey& key = other.key.publicKey();
  const auto writeTheName = [&](Der& der) { der.raw(issuer.certificate.subject); };
  Der der;
  der.sequence([&] {
    writeHead(
        der, serial, issuer.key.algorithm(), [&] { writeTheName(der); }, validity, [&] { writeTheName(der); },
        key);
    writeExtensions(der, [&] {
      writeUses(der, row(Profile::Authority), key);
      writeExtension(der, oid::kKeyIdentifier, false,
                     [&] { der.element(kOctetString, identifierOf(other)); });
      writeIssuerIdentifier(der, issuer);
      writeAddresses(der, where);
    });
  });
  return signContent(issuer.key, der.view());
}

base::Result<base::Bytes> requestAuthority(const PrivateKey& key, const Subject& subject) {
  if (auto good = checkSubject(subject); !good) return std::move(good).error();
  Der der;
  der.sequence([&] {
    der.small(0);
    writeName(der, subject);
    der.raw(key.publicKey().spki());
    der.nest(contextTag(0), [&] {
      der.sequence([&] {
        der.oid(oid::kExtensionRequest);
        der.nest(kSet, [&] {
          der.sequence([&] {
            writeUses(der, row(Profile::Authority), key.publicKey());
            writeKeyIdentifier(der, key.publicKey());
          });
        });
      });
    });
  });
  return signContent(key, der.view());
}

base::Result<base::Bytes> requestCertificate(const PrivateKey& key) {
  Der der;
  der.sequence([&] {
    der.small(0);
    der.sequence([] {});
    der.raw(key.publicKey().spki());
    der.nest(contextTag(0), [] {});
  });
  return signContent(key, der.view());
}

}  // namespace kms::pki
