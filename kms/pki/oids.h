// Object identifiers, as the content octets of their DER.
#pragma once

#include <string_view>

namespace kms::pki::oid {

using namespace std::string_view_literals;

// Keys (RFC 3279, 5480, 8410).
inline constexpr auto kRsa = "\x2A\x86\x48\x86\xF7\x0D\x01\x01\x01"sv;
inline constexpr auto kEc = "\x2A\x86\x48\xCE\x3D\x02\x01"sv;
inline constexpr auto kP256 = "\x2A\x86\x48\xCE\x3D\x03\x01\x07"sv;
inline constexpr auto kP384 = "\x2B\x81\x04\x00\x22"sv;
inline constexpr auto kP521 = "\x2B\x81\x04\x00\x23"sv;
inline constexpr auto kEd25519 = "\x2B\x65\x70"sv;

// Signatures (RFC 4055, 5758, 8410).
inline constexpr auto kRsaSha256 = "\x2A\x86\x48\x86\xF7\x0D\x01\x01\x0B"sv;
inline constexpr auto kRsaSha384 = "\x2A\x86\x48\x86\xF7\x0D\x01\x01\x0C"sv;
inline constexpr auto kRsaSha512 = "\x2A\x86\x48\x86\xF7\x0D\x01\x01\x0D"sv;
inline constexpr auto kEcdsaSha256 = "\x2A\x86\x48\xCE\x3D\x04\x03\x02"sv;
inline constexpr auto kEcdsaSha384 = "\x2A\x86\x48\xCE\x3D\x04\x03\x03"sv;
inline constexpr auto kEcdsaSha512 = "\x2A\x86\x48\xCE\x3D\x04\x03\x04"sv;

// Digests, ciphers and derivations (RFC 5754, 3565, 8018).
inline constexpr auto kSha256 = "\x60\x86\x48\x01\x65\x03\x04\x02\x01"sv;
inline constexpr auto kAes256Cbc = "\x60\x86\x48\x01\x65\x03\x04\x01\x2A"sv;
inline constexpr auto kPbes2 = "\x2A\x86\x48\x86\xF7\x0D\x01\x05\x0D"sv;
inline constexpr auto kPbkdf2 = "\x2A\x86\x48\x86\xF7\x0D\x01\x05\x0C"sv;
inline constexpr auto kHmacSha256 = "\x2A\x86\x48\x86\xF7\x0D\x02\x09"sv;

// Attributes of names (RFC 5280, appendix A.1; RFC 4519).
inline constexpr auto kCommonName = "\x55\x04\x03"sv;
inline constexpr auto kSurname = "\x55\x04\x04"sv;
inline constexpr auto kSerialNumber = "\x55\x04\x05"sv;
inline constexpr auto kCountry = "\x55\x04\x06"sv;
inline constexpr auto kLocality = "\x55\x04\x07"sv;
inline constexpr auto kState = "\x55\x04\x08"sv;
inline constexpr auto kStreet = "\x55\x04\x09"sv;
inline constexpr auto kOrganisation = "\x55\x04\x0A"sv;
inline constexpr auto kUnit = "\x55\x04\x0B"sv;
inline constexpr auto kTitle = "\x55\x04\x0C"sv;
inline constexpr auto kGivenName = "\x55\x04\x2A"sv;
inline constexpr auto kUserId = "\x09\x92\x26\x89\x93\xF2\x2C\x64\x01\x01"sv;
inline constexpr auto kDomain = "\x09\x92\x26\x89\x93\xF2\x2C\x64\x01\x19"sv;
inline constexpr auto kMail = "\x2A\x86\x48\x86\xF7\x0D\x01\x09\x01"sv;

// Extensions (RFC 5280, section 4.2; RFC 6960).
inline constexpr auto kKeyIdentifier = "\x55\x1D\x0E"sv;
inline constexpr auto kKeyUsage = "\x55\x1D\x0F"sv;
inline constexpr auto kAlternativeName = "\x55\x1D\x11"sv;
inline constexpr auto kBasicConstraints = "\x55\x1D\x13"sv;
inline constexpr auto kCrlPoints = "\x55\x1D\x1F"sv;
inline constexpr auto kAuthorityKeyIdentifier = "\x55\x1D\x23"sv;
inline constexpr auto kExtendedUsage = "\x55\x1D\x25"sv;
inline constexpr auto kAuthorityAccess = "\x2B\x06\x01\x05\x05\x07\x01\x01"sv;
inline constexpr auto kAccessOcsp = "\x2B\x06\x01\x05\x05\x07\x30\x01"sv;
inline constexpr auto kAccessIssuers = "\x2B\x06\x01\x05\x05\x07\x30\x02"sv;
inline constexpr auto kOcspNoCheck = "\x2B\x06\x01\x05\x05\x07\x30\x01\x05"sv;

// Of revocation lists (RFC 5280, section 5) and OCSP (RFC 6960).
inline constexpr auto kCrlNumber = "\x55\x1D\x14"sv;
inline constexpr auto kReasonCode = "\x55\x1D\x15"sv;
inline constexpr auto kDeltaCrl = "\x55\x1D\x1B"sv;
inline constexpr auto kOcspBasic = "\x2B\x06\x01\x05\x05\x07\x30\x01\x01"sv;
inline constexpr auto kOcspNonce = "\x2B\x06\x01\x05\x05\x07\x30\x01\x02"sv;
inline constexpr auto kSha1 = "\x2B\x0E\x03\x02\x1A"sv;

// Extended key usages.
inline constexpr auto kServerAuth = "\x2B\x06\x01\x05\x05\x07\x03\x01"sv;
inline constexpr auto kClientAuth = "\x2B\x06\x01\x05\x05\x07\x03\x02"sv;
inline constexpr auto kEmailProtection = "\x2B\x06\x01\x05\x05\x07\x03\x04"sv;
inline constexpr auto kOcspSigning = "\x2B\x06\x01\x05\x05\x07\x03\x09"sv;
inline constexpr auto kCmcCa = "\x2B\x06\x01\x05\x05\x07\x03\x1B"sv;
inline constexpr auto kCmcRa = "\x2B\x06\x01\x05\x05\x07\x03\x1C"sv;

// Requests: extensionRequest of PKCS#9, and Microsoft's older one of the same form.
inline constexpr auto kExtensionRequest = "\x2A\x86\x48\x86\xF7\x0D\x01\x09\x0E"sv;
inline constexpr auto kExtensionRequestMs = "\x2B\x06\x01\x04\x01\x82\x37\x02\x01\x0E"sv;

// PKCS#7 (RFC 5652), PKCS#9 and PKCS#12 (RFC 7292).
inline constexpr auto kData = "\x2A\x86\x48\x86\xF7\x0D\x01\x07\x01"sv;
inline constexpr auto kSignedData = "\x2A\x86\x48\x86\xF7\x0D\x01\x07\x02"sv;
inline constexpr auto kEncryptedData = "\x2A\x86\x48\x86\xF7\x0D\x01\x07\x06"sv;
inline constexpr auto kFriendlyName = "\x2A\x86\x48\x86\xF7\x0D\x01\x09\x14"sv;
inline constexpr auto kLocalKeyId = "\x2A\x86\x48\x86\xF7\x0D\x01\x09\x15"sv;
inline constexpr auto kX509Certificate = "\x2A\x86\x48\x86\xF7\x0D\x01\x09\x16\x01"sv;
inline constexpr auto kShroudedKeyBag = "\x2A\x86\x48\x86\xF7\x0D\x01\x0C\x0A\x01\x02"sv;
inline constexpr auto kCertificateBag = "\x2A\x86\x48\x86\xF7\x0D\x01\x0C\x0A\x01\x03"sv;

}  // namespace kms::pki::oid
