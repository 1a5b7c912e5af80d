// The names of the certificate that the server makes for its own https.
#pragma once

#include <string>
#include <vector>

#include "daemon/run_options.h"

namespace kmsd {

// A DNS name, or an IPv4 or IPv6 address without brackets.
bool isServerName(const std::string& name);

// The hosts that https listens on (but not "every address"), `localhost` where one of them is this host's own
// loopback, `host` where it is such a name, and those of --tls-name; each once, in this order. Never empty.
std::vector<std::string> serverNames(const RunOptions& options, const std::string& host);

// This host's name, as the kernel has it; empty: none.
std::string hostName();

}  // namespace kmsd
