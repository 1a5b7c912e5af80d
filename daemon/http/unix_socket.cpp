#include "daemon/http/unix_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include "hal/base/file.h"

namespace kmsd::http {
namespace {

using base::Code;
using base::Error;
using base::Reason;

constexpr mode_t kDirectoryMode = 0755;
constexpr mode_t kSocketMode = 0666;
constexpr int kBacklog = 4096;  // the kernel lowers it to net.core.somaxconn

sockaddr_un addressOf(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

const sockaddr* generic(const sockaddr_un& address) { return reinterpret_cast<const sockaddr*>(&address); }

base::Result<void> makeParent(const std::filesystem::path& path) {
  const auto parent = path.parent_path();
  if (parent.empty() || ::access(parent.c_str(), F_OK) == 0) return {};
  if (auto above = makeParent(parent); !above) return above;
  if (::mkdir(parent.c_str(), kDirectoryMode) == 0) {
    // Not left to the umask: whoever may use the socket must be able to reach it.
    if (auto set = setModeOfOwn(parent.string(), S_IFDIR, kDirectoryMode); !set)
      return std::move(set).error();
    return {};
  }
  if (errno == EEXIST) return {};
  return base::systemError("cannot make the directory " + parent.string(), errno);
}

// Removes what a dead server left at `path`.
base::Result<void> clear(const std::string& path) {
  struct stat there {};
  if (::lstat(path.c_str(), &there) != 0) {
    if (errno == ENOENT) return {};
    return base::systemError("cannot look at " + path, errno);
  }
  if (!S_ISSOCK(there.st_mode)) {
    return Error{Code::Conflict, path + " is not a socket; name another path or remove it",
                 Reason::AddressInUse};
  }
  const base::Fd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe) return base::systemError("cannot make a socket", errno);
  const sockaddr_un address = addressOf(path);
  if (::connect(probe.get(), generic(address), sizeof address) == 0 || errno != ECONNREFUSED) {
    return Error{Code::Conflict, "another server listens on " + path, Reason::AddressInUse};
  }
  if (::unlink(path.c_str()) != 0) return base::systemError("cannot replace the dead socket " + path, errno);
  return {};
}

}  // namespace

base::Result<UnixListener> UnixListener::open(const std::filesystem::path& path) {
  const std::string name = path.string();
  if (name.empty() || name.size() >= sizeof(sockaddr_un::sun_path) || name.find('\0') != name.npos) {
    return Error{Code::Invalid, "the socket path must have 1 to 107 bytes: " + name};
  }
  if (auto made = makeParent(path); !made) return std::move(made).error();
  if (auto cleared = clear(name); !cleared) return std::move(cleared).error();

  UnixListener listener;
  listener.fd_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!listener.fd_) return base::systemError("cannot make a socket", errno);
  const sockaddr_un address = addressOf(name);
  if (::bind(listener.fd_.get(), generic(address), sizeof address) != 0) {
    if (errno == EADDRINUSE) {
      return Error{Code::Conflict, "another server listens on " + name, Reason::AddressInUse};
    }
    return base::systemError("cannot listen on " + name, errno);
  }
  // Before listen(), so that nobody is turned away by the umask's mode.
  const auto made = setModeOfOwn(name, S_IFSOCK, kSocketMode);
  if (!made) return made.error();
  listener.path_ = path;
  listener.device_ = made->st_dev;
  listener.inode_ = made->st_ino;
  if (::listen(listener.fd_.get(), kBacklog) != 0) {
    return base::systemError("cannot listen on " + name, errno);
  }
  return listener;
}

UnixListener::~UnixListener() {
  struct stat there {};
  if (!fd_ || path_.empty() || ::lstat(path_.c_str(), &there) != 0) return;
  if (there.st_dev == device_ && there.st_ino == inode_) ::unlink(path_.c_str());
}

base::Result<struct stat> setModeOfOwn(const std::string& path, mode_t type, mode_t mode) {
  const base::Fd fd(::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct stat found {};
  if (!fd || ::fstat(fd.get(), &found) != 0) return base::systemError("cannot look at " + path, errno);
  if ((found.st_mode & S_IFMT) != type || found.st_uid != ::geteuid()) {
    return Error{Code::Conflict,
                 path + " was replaced by another user; name a path in a directory of your own",
                 Reason::AddressInUse};
  }
  // chmod(2) takes no such descriptor, but what /proc shows of it.
  if (::chmod(("/proc/self/fd/" + std::to_string(fd.get())).c_str(), mode) != 0)
    return base::systemError("cannot set the permissions of " + path, errno);
  return found;
}

std::optional<Peer> peerOf(int fd) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return std::nullopt;
  Peer peer{credentials.uid, {}, credentials.pid};
  size = 0;
  // Asked with no room, the kernel says how much it needs.
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, nullptr, &size) != 0 && errno == ERANGE) {
    peer.groups.resize(size / sizeof(gid_t));
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, peer.groups.data(), &size) != 0) return std::nullopt;
  }
  peer.groups.push_back(credentials.gid);
  return peer;
}

}  // namespace kmsd::http
