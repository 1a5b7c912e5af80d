#include <array>

#include "daemon/ctl/enrolment.h"
#include "daemon/ctl/verbs.h"

namespace kmsd::ctl {
namespace {

Exit runEnrol(const Parsed& parsed) { return Enrolment(parsed, false).run(); }
Exit runRecover(const Parsed& parsed) { return Enrolment(parsed, true).run(); }

constexpr OptionSpec kUser{"user", "U", "whose token it is", {}, false, true};
constexpr OptionSpec kOut{
    "out", "DIR", "where keys and certificates go; the same again ends a run that was broken off",
    {},    false, true};
constexpr OptionSpec kFingerprint{
    "ca-sha256", "HEX",
    "the fingerprint of the server's authority; without it the server must show that it knows the token"};
constexpr OptionSpec kKind{
    "kind", "K",   "the signing key to make; one that is in DIR is taken", "ecdsa-p256", false,
    false,  false, "ecdsa-p256 ecdsa-p384 rsa-3072 rsa-4096 ed25519"};
constexpr OptionSpec kPassword{"password-file", "F",
                               "take the password of the .p12 files from this file; - reads it from stdin"};
constexpr OptionSpec kNoBundles{"no-pkcs12", "", "write no .p12 files, so that no password is needed"};
constexpr OptionSpec kForce{"force", "", "move what an enrolment has left in DIR to DIR/old, and begin anew"};

constexpr std::array kEnrolOptions = {
    kUser,
    kOut,
    kFingerprint,
    kKind,
    kPassword,
    kNoBundles,
    OptionSpec{"no-encryption", "", "get no pair for encryption, as for a machine"},
    kForce};
constexpr std::array kRecoverOptions = {kUser, kOut, kFingerprint, kKind, kPassword, kNoBundles, kForce};

constexpr std::array kVerbs = {
    VerbSpec{
        "enrol",
        "gets certificates for a new key with a one-time token (--token-file, or typed)",
        {},
        kEnrolOptions,
        "kmsctl enrol --user alice --out alice    # asks for the token, prints the password of the .p12\n"
        "kmsctl --server https://kms:8443 enrol --user alice --token-file token --out alice\n"
        "kmsctl enrol --user web1 --token-file - --out /etc/web1 --no-encryption --no-pkcs12",
        runEnrol},
    VerbSpec{"recover",
             "gets a new signing certificate and all keys for encryption with a recover token",
             {},
             kRecoverOptions,
             "kmsctl recover --user alice --out alice-2   # after alice-1 was lost; asks for the token\n"
             "kmsctl recover --user alice --token-file token --out alice --password-file password",
             runRecover},
};

}  // namespace

std::span<const VerbSpec> enrolVerbs() noexcept { return kVerbs; }

}  // namespace kmsd::ctl
