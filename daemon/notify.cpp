#include "daemon/notify.h"

#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "daemon/cli.h"

namespace kmsd {

void notifyReady() { ::sd_notify(0, "READY=1"); }
void notifyStatus(std::string_view text) { ::sd_notify(0, ("STATUS=" + printable(text)).c_str()); }
void notifyStopping() { ::sd_notify(0, "STOPPING=1\nSTATUS=stopping"); }

// Source: systemd.exec(5), JOURNAL_STREAM: "device:inode" of the stream; another file may have been put in
// its place since.
bool errorIsJournal() noexcept {
  const char* stream = ::secure_getenv("JOURNAL_STREAM");
  struct stat found {};
  if (stream == nullptr || ::fstat(STDERR_FILENO, &found) != 0) return false;
  return std::to_string(found.st_dev) + ":" + std::to_string(found.st_ino) == stream;
}

}  // namespace kmsd
