// `user export` and `user import`.
#pragma once

#include "daemon/cli.h"

namespace kmsd::ctl {

// Users go out: NAME... or --users-file, sealed to --to; and --confirm, which ends them here.
Exit runUserExport(const Parsed& parsed);
// Users come in: FILE; and --recipient.
Exit runUserImport(const Parsed& parsed);

}  // namespace kmsd::ctl
