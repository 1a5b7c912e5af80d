#include "drivers/smartcard/profile.h"

namespace drivers::smartcard {
namespace {

constexpr std::uint8_t kOpenPgpAid[] = {0xD2, 0x76, 0x00, 0x01, 0x24, 0x01};
constexpr std::uint8_t kPivAid[] = {0xA0, 0x00, 0x00, 0x03, 0x08, 0x00, 0x00, 0x10, 0x00, 0x01, 0x00};

constexpr Profile kProfiles[] = {
    {Application::OpenPgp, "openpgp", "OpenPGP", kOpenPgpAid, Via::Tag, 0x0103, 0x0101, 0x82, 6, 127, false,
     Tries::PwStatus, Number::Aid, ""},
    {Application::Piv, "piv", "PIV", kPivAid, Via::PivTag, 0x5FC109, 0, 0x80, 4, 8, true, Tries::EmptyVerify,
     Number::Chuid, "yubico-piv-tool -a write-object --id 0x5fc109 -i FILE"},
    {Application::Iso,
     "iso",
     "ISO 7816",
     {},
     Via::File,
     0,
     0,
     std::nullopt,
     1,
     64,
     false,
     Tries::EmptyVerify,
     Number::SerialFile,
     ""},
};

}  // namespace

std::span<const Profile> profiles() noexcept { return kProfiles; }

}  // namespace drivers::smartcard
