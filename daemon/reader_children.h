// ReaderChildren: which processes are kmsd-media, so that kmsd's own Unix socket turns them away. A
// kmsd-media that reads cards may connect to Unix sockets (daemon/media/shield.h), and runs as the server's
// user, who is an administrator there. Safe to use from several threads.
#pragma once

#include <mutex>
#include <optional>
#include <vector>

#include "daemon/reader_client_child.h"
#include "hal/base/clock.h"

namespace kmsd {

class ReaderChildren {
 public:
  // Starts the next one; the ones before it have ended, or are killed and hang in the kernel. No peer is
  // looked at between its first instruction and its entry here. Errors: as ReaderChild::start.
  base::Result<ReaderChild> start(const std::string& program, const ReaderChild::Rights& rights);
  // Whether the process, as SO_PEERCRED told it at connect, is one of them. So are the ones that ended in the
  // last minutes: what such a one wrote may wait in a connection that nobody has accepted yet.
  bool has(pid_t pid);

 private:
  struct One {
    pid_t pid;
    std::optional<base::Deadline> until;  // none: it is the last that was started
  };
  std::mutex mutex_;
  std::vector<One> all_;
};

}  // namespace kmsd
