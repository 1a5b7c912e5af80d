// The key of `kmsd run --medium prompt:`, typed at the terminal where the server is started.
#pragma once

#include "daemon/keeper.h"
#include "daemon/run_options.h"

namespace kmsd {

// Nothing is asked where --medium prompt: was not given. Errors: Unavailable (no terminal); as askLine.
base::Result<UnsealRequest> askKey(const RunOptions& options);
// Opens with it, and asks for what it needs besides: other shares, a passphrase, and once more what its check
// character tells to be a slip. What comes of it is logged.
void offerTyped(Keeper& keeper, UnsealRequest typed);

}  // namespace kmsd
