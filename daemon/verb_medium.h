// `kmsd medium ...`: looks at key media and makes them, through kmsd-media.
#pragma once

#include "daemon/cli.h"

namespace kmsd {

std::span<const VerbSpec> mediumVerbs() noexcept;

// The verbs, each in its own file.
Exit mediumList(const Parsed& parsed);
Exit mediumCheck(const Parsed& parsed);
Exit mediumCreate(const Parsed& parsed);
Exit mediumCopy(const Parsed& parsed);
Exit mediumShow(const Parsed& parsed);

}  // namespace kmsd
