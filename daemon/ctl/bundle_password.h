// The password of PKCS#12 files: the user's own, or a random one that is shown once. Never a token.
#pragma once

#include "daemon/cli.h"
#include "hal/base/secret_pool.h"

namespace kmsd::ctl {

struct BundlePassword {
  base::SecretText text;
  bool random = false;  // nobody knows it yet
};

// From --password-file; else typed twice, where somebody can be asked and types one; else random. `token`:
// what it must not be. Errors: Invalid; those of files; as askLine, without Unavailable.
base::Result<BundlePassword> choosePassword(const Parsed& parsed, std::string_view token);

}  // namespace kmsd::ctl
