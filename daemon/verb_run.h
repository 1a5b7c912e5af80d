// `kmsd run`: the server.
#pragma once

#include "daemon/cli.h"

namespace kmsd {

extern const VerbSpec kRunVerb;

}  // namespace kmsd
