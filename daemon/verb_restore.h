// `kmsd restore` and `kmsd move plan`.
#pragma once

#include "daemon/cli.h"

namespace kmsd {

extern const VerbSpec kRestoreVerb;
extern const VerbSpec kMovePlanVerb;

}  // namespace kmsd
