// Reload: SIGHUP. The configuration file and the TLS files are read anew; what a running server can take is
// applied, all of it or nothing, and the log says what needs a restart.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "daemon/run_options.h"

namespace kmsd {

class Reload {
 public:
  // Loads the files and serves new connections with them. Errors: as http::TlsContext::load; nothing has
  // changed then.
  using UseTls = std::function<base::Result<void>(const http::TlsFiles& files)>;

  // `parsed` and `options`: what the server was started with. Outlives neither.
  Reload(const Parsed& parsed, RunOptions options, UseTls useTls)
      : parsed_(parsed), running_(std::move(options)), useTls_(std::move(useTls)) {}

  // Reads and applies. Tells systemd and the log.
  void run();
  // Takes the TLS files anew because the server's own authorities may be others now. Any thread.
  void refreshTls();

 private:
  base::Result<std::string> apply();

  const Parsed& parsed_;
  std::mutex mutex_;
  RunOptions running_;  // what is in force
  const UseTls useTls_;
};

// The options that differ, and that only a restart applies.
std::vector<std::string> needsRestart(const RunOptions& running, const RunOptions& wanted);

}  // namespace kmsd
