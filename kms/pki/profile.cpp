#include "kms/pki/profile.h"

#include <algorithm>

namespace kms::pki {
namespace {

constexpr std::chrono::seconds days(int count) { return std::chrono::hours(24 * count); }

// RFC 5280, sections 4.2.1.3 and 4.2.1.12; of mail RFC 8550, section 4.4; of TLS RFC 8446, section 4.4.2.2.
constexpr ProfileRow kProfiles[] = {
    {Profile::Authority, "authority", "signs certificates and CRLs", kCertSign | kCrlSign | kDigitalSignature,
     kCertSign | kCrlSign | kDigitalSignature, 0, false, false, false, days(3653)},
    {Profile::Signing, "user-signing", "signs mail and shows who its holder is",
     kDigitalSignature | kNonRepudiation, kDigitalSignature | kNonRepudiation, kEmailProtection | kClientAuth,
     true, false, true, days(548)},
    {Profile::Encryption, "user-encryption", "receives encrypted mail", kKeyAgreement, kKeyEncipherment,
     kEmailProtection, true, false, true, days(548)},
    {Profile::Client, "client", "shows who its holder is to a TLS server", kDigitalSignature,
     kDigitalSignature, kClientAuth, true, true, true, days(548)},
    {Profile::Server, "server", "shows a TLS server's names", kDigitalSignature,
     kDigitalSignature | kKeyEncipherment, kServerAuth, false, true, true, days(397)},
    {Profile::Ocsp, "ocsp", "signs answers on the state of certificates", kDigitalSignature,
     kDigitalSignature, kOcspSigning, false, false, false, days(30)},
    {Profile::Cmp, "cmp", "signs messages of the certificate management protocol", kDigitalSignature,
     kDigitalSignature, kCmcRa, false, false, false, days(397)},
};

}  // namespace

std::span<const ProfileRow> profiles() noexcept { return kProfiles; }

const ProfileRow& row(Profile profile) noexcept {
  const auto* const found = std::find_if(std::begin(kProfiles), std::end(kProfiles),
                                         [&](const ProfileRow& known) { return known.profile == profile; });
  return found == std::end(kProfiles) ? kProfiles[0] : *found;
}

std::optional<Profile> parseProfile(std::string_view name) noexcept {
  for (const ProfileRow& known : kProfiles)
    if (known.name == name) return known.profile;
  return std::nullopt;
}

}  // namespace kms::pki
