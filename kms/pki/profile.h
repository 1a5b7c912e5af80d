// Certificate profiles: what each kind of certificate may be used for, in one table (RFC 5280, RFC 8550).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace kms::pki {

// The numbers stand in sealed rows: append only.
enum class Profile : std::uint8_t {
  Authority = 1,
  Signing = 2,
  Encryption = 3,
  Client = 4,
  Server = 5,
  Ocsp = 6,
  Cmp = 7
};

// Bits of KeyUsage by their places in RFC 5280, section 4.2.1.3.
enum KeyUse : std::uint16_t {
  kDigitalSignature = 1U << 0U,
  kNonRepudiation = 1U << 1U,
  kKeyEncipherment = 1U << 2U,
  kKeyAgreement = 1U << 4U,
  kCertSign = 1U << 5U,
  kCrlSign = 1U << 6U
};
enum ExtendedUse : std::uint16_t {
  kServerAuth = 1U << 0U,
  kClientAuth = 1U << 1U,
  kEmailProtection = 1U << 2U,
  kOcspSigning = 1U << 3U,
  kCmcRa = 1U << 4U  // id-kp-cmcRA, as CMP servers show (RFC 9483, section 1.5)
};

struct ProfileRow {
  Profile profile;
  std::string_view name;  // stable: "user-signing"
  std::string_view meaning;
  std::uint16_t keyUse;       // of ECDSA and Ed25519 keys
  std::uint16_t keyUseRsa;    // of RSA keys
  std::uint16_t extendedUse;  // 0: no such extension
  bool mail;                  // carries the subject's mail address as an alternative name
  bool hosts;                 // the same of its DNS names and addresses
  bool forUsers;              // may be asked for by or for a user
  std::chrono::seconds life;
};

std::span<const ProfileRow> profiles() noexcept;
const ProfileRow& row(Profile profile) noexcept;
std::optional<Profile> parseProfile(std::string_view name) noexcept;

}  // namespace kms::pki
