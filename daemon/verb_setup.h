// `kmsd setup`: a new server and its key media.
#pragma once

#include "daemon/cli.h"

namespace kmsd {

extern const VerbSpec kSetupVerb;

}  // namespace kmsd
