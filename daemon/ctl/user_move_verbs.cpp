// Users who move to another server: the verbs.
#include <array>

#include "daemon/ctl/user_move.h"
#include "daemon/ctl/verbs.h"

namespace kmsd::ctl {
namespace {

constexpr std::array kNames = {ArgumentSpec{"NAME", "the users to hand over", false, true}};
constexpr std::array kFile = {ArgumentSpec{"FILE", "what kmsctl user export wrote", false}};
constexpr std::array kExportOptions = {
    OptionSpec{"to", "CERT", "PEM: the certificate that the other server's user import --recipient gave"},
    OptionSpec{"out", "F", "the file to write; it must not be there", "users.kdu"},
    OptionSpec{"thumbprint", "SHA256",
               "the thumbprint of CERT, as the other server shows it; without it: asked"},
    OptionSpec{"users-file", "F", "the users of this list, one a line; - reads it from stdin"},
    OptionSpec{"report", "F",
               "write here what became of each user; run again with it and another --out, those who are done "
               "are left out"},
    OptionSpec{"confirm", "F",
               "the receipts of the import: revoke here what these users have, all tokens too; who got a "
               "certificate since the export is refused and loses nothing: export and import him again"},
};
constexpr std::array kImportOptions = {
    OptionSpec{"recipient", "", "give the certificate that other servers export users to"},
    OptionSpec{"receipt", "F",
               "write the receipts, for the other server, to this file, which must not be there; without it: "
               "FILE.receipt"},
    OptionSpec{"report", "F", "write here what became of each user"},
    OptionSpec{"thumbprint", "SHA256",
               "the thumbprint of the other server's authority, as it shows it; without it: asked"},
    OptionSpec{"role", "R", "the most that they may do here", "user", false, false, false,
               "user verifier issuer admin"},
};
constexpr std::array kVerbs = {
    VerbSpec{"user export", "seals users, with their encryption keys, for another server", kNames,
             kExportOptions,
             "kmsctl user export alice bob --to other.pem                 # to users.kdu; they go on here\n"
             "kmsctl user export --users-file staff --to other.pem --out staff.kdu --report report\n"
             "kmsctl user export --confirm users.kdu.receipt              # now they have moved",
             runUserExport},
    VerbSpec{"user import", "takes users who were exported by another server", kFile, kImportOptions,
             "kmsctl user import --recipient > other.pem                # for the other server\n"
             "kmsctl user import users.kdu                              # receipts to users.kdu.receipt\n"
             "kmsctl user import users.kdu --receipt r --role issuer    # again is no error; at most issuers",
             runUserImport},
};

}  // namespace

std::span<const VerbSpec> userMoveVerbs() noexcept { return kVerbs; }

}  // namespace kmsd::ctl
