// Certificates as values: their bytes, and what is read out of them.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "hal/base/clock.h"
#include "kms/pki/key.h"

namespace kms::pki {

inline constexpr std::size_t kMostDer = 64 * 1024;  // bytes of a certificate, request or message

// A serial number of ours: 16 random bytes, the first of them 01 to 7F (RFC 5280, section 4.1.2.2).
using Serial = std::array<std::byte, 16>;
bool goodSerial(const Serial& serial) noexcept;
std::string serialText(const Serial& serial);  // 32 hexadecimal digits
std::optional<Serial> parseSerial(
    std::string_view text);  // also with colons and capitals, as tools show them

struct Certificate {
  base::Bytes der;
  base::Bytes serial;   // as it stands, without leading zeros; of foreign certificates also shorter or longer
  base::Bytes subject;  // Name, DER
  base::Bytes issuer;   // Name, DER
  base::Time notBefore{};
  base::Time notAfter{};
  KeyHash key{};
  bool authority = false;     // CA:TRUE
  base::Bytes keyIdentifier;  // SubjectKeyIdentifier; empty: it has none

  // Ours, where it has the form of one of ours.
  std::optional<Serial> ourSerial() const;
};

// Pure and bounded. Errors: Invalid (no certificate, over kMostDer, a time that is none).
base::Result<Certificate> parseCertificate(base::BytesView der);
// The key that it certifies. Errors: as PublicKey::parse; Invalid.
base::Result<PublicKey> keyOf(const Certificate& certificate);
// One or several PEM certificates with any text between them. Errors: Invalid (none, more than 16, a bad
// one).
base::Result<std::vector<Certificate>> parsePemCertificates(std::string_view pem);

// RFC 7468. `label` such as "CERTIFICATE".
std::string pem(std::string_view label, base::BytesView der);

}  // namespace kms::pki
