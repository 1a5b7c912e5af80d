#include <array>

#include "daemon/ctl/renewal.h"
#include "daemon/ctl/verbs.h"

namespace kmsd::ctl {
namespace {

Exit runRenew(const Parsed& parsed) { return Renewal(parsed).run(); }

constexpr std::array kOptions = {
    OptionSpec{"dir", "DIR", "the directory that 'kmsctl enrol' has filled", {}, false, true},
    OptionSpec{"force", "", "renew the signing certificate now, though two thirds of its life are not over"},
    OptionSpec{"new-key", "", "make a new signing key, too"},
    OptionSpec{"ca-sha256", "HEX", "the fingerprint of the server's new authority, when it has another one"},
    OptionSpec{"password-file", "F",
               "write the .p12 files anew, with the password in this file; - reads it from stdin"},
};

constexpr std::array kVerbs = {
    VerbSpec{"renew",
             "renews the certificates in a directory when two thirds of their life are over",
             {},
             kOptions,
             "kmsctl renew --dir alice                # exit code 0 also when nothing is due yet\n"
             "kmsctl --server https://kms:8443 renew --dir /etc/web1 && systemctl reload nginx # in cron\n"
             "kmsctl renew --dir alice --force --new-key --password-file password",
             runRenew},
};

}  // namespace

std::span<const VerbSpec> renewVerbs() noexcept { return kVerbs; }

}  // namespace kmsd::ctl
