// TLS files into a running server, at its start and when they are read anew.
#pragma once

#include <string>
#include <vector>

#include "daemon/http/server.h"

namespace kmsd::http {

// Loads the files for new connections, with `own` and `shown` as in TlsContext::load. Returns what an
// operator must hear of them, a sentence each: what keeps clients out.
//
// A CRL that has run out locks out the clients of its authority, which is safe, and is taken at the start:
// the server must start for those who need no certificate. In place of files that are sound, it is a slip,
// and is refused: those stay in force.
//
// Errors: as TlsContext::load; Invalid where a CRL has run out and none of those in force has. Nothing has
// changed then.
base::Result<std::vector<std::string>> useTls(Server& server, const TlsFiles& files, base::Time now,
                                              const std::vector<base::Bytes>& own = {},
                                              const kms::pki::ServerCertificate* shown = nullptr);

}  // namespace kmsd::http
