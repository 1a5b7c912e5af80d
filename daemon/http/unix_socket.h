// Unix sockets as the server needs them: a listening one at a path, and who stands at the other end.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <filesystem>

#include "daemon/http/door.h"
#include "hal/base/fd.h"
#include "hal/base/result.h"

namespace kmsd::http {

// A listening socket; its file is removed with it where it is still this socket's.
class UnixListener final : public Listener {
 public:
  // Mode 0666: who may do what is decided by peer credentials. A parent directory that is missing is made
  // with mode 0755. A socket that refuses connections is a dead server's, and replaced.
  // Errors: Conflict / AddressInUse (a live server's, or a file of another kind); Invalid (path over 107
  // bytes); Denied; Io.
  static base::Result<UnixListener> open(const std::filesystem::path& path);

  UnixListener(UnixListener&&) noexcept = default;
  UnixListener& operator=(UnixListener&&) = delete;
  ~UnixListener() override;

  int fd() const noexcept override { return fd_.get(); }

 private:
  UnixListener() = default;
  base::Fd fd_;
  std::filesystem::path path_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

// Gives `mode` to what is at `path`, which must be of this type (S_IFSOCK, S_IFDIR) and this process's own:
// who owns the directory above could have put a link there in the meantime, to have another file opened.
// Returns what it is. Errors: Conflict (is something else); those of the system.
base::Result<struct stat> setModeOfOwn(const std::string& path, mode_t type, mode_t mode);

// Nothing where the kernel cannot tell.
std::optional<Peer> peerOf(int fd);

}  // namespace kmsd::http
