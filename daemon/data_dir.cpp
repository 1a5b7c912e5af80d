#include "daemon/data_dir.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>

#include "hal/base/file.h"

namespace kmsd {
namespace {

constexpr std::size_t kMaxHeader = 16 * 1024;  // bytes

base::Error unsafe(std::string what) {
  return {base::Code::Denied, std::move(what), base::Reason::DataDirectoryUnsafe};
}

base::Error notOurs(std::string what) {
  return {base::Code::Invalid, std::move(what), base::Reason::DataDirectoryNotOurs};
}

// Owner and mode of what lstat found. `shut`: mode bits that must not be set; `mend`: the mode that chmod is
// to give. Root may use what belongs to `owner`, whose data directory it is; the service uses only its own.
base::Result<void> checkSafe(const std::filesystem::path& path, const struct stat& found, mode_t shut,
                             const char* mend, uid_t owner, bool rootsToo) {
  const std::string name = path.string();
  if (S_ISLNK(found.st_mode))
    return unsafe(name + " is a symbolic link, which is not followed; name what it points to");
  const uid_t us = ::geteuid();
  if (us != 0 && found.st_uid != us && !(rootsToo && found.st_uid == 0))
    return unsafe(name + " belongs to uid " + std::to_string(found.st_uid) +
                  ", not to us; mend it with: chown " + std::to_string(us) + " " + name);
  if (us == 0 && found.st_uid != 0 && found.st_uid != owner)
    return unsafe(name + " belongs to uid " + std::to_string(found.st_uid) +
                  ", not to the owner of the data directory; " + "mend it with: chown " +
                  std::to_string(owner) + " " + name);
  if ((found.st_mode & shut) != 0)
    return unsafe(name + " is open to others; mend it with: chmod " + mend + " " + name);
  return {};
}

base::Result<void> checkFile(const std::filesystem::path& path, uid_t owner) {
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0) {
    if (errno == ENOENT) return {};
    return base::systemError(path.string(), errno);
  }
  if (auto safe = checkSafe(path, found, 077, "0600", owner, false); !safe) return safe;
  if (!S_ISREG(found.st_mode)) return notOurs(path.string() + " is not a file");
  return {};
}

std::string holderOf(const std::filesystem::path& lock) {
  auto text = base::readSmallFile(lock, 32);
  if (!text || text->find_first_not_of("0123456789\n") != std::string::npos || text->empty())
    return "another process";
  return "process " + text->substr(0, text->find('\n'));
}

}  // namespace

bool DataDir::holdsServer() const {
  struct stat found {};
  return ::lstat(security().c_str(), &found) == 0;
}

base::Result<void> DataDir::check() const {
  struct stat found {};
  if (::lstat(root_.c_str(), &found) != 0) {
    if (errno != ENOENT && errno != ENOTDIR) return base::systemError(root_.string(), errno);
    return base::Error{base::Code::NotFound,
                       "there is no data directory " + root_.string() + "; make a server with 'kmsd setup'",
                       base::Reason::DataDirectoryMissing};
  }
  if (!S_ISLNK(found.st_mode) && !S_ISDIR(found.st_mode))
    return notOurs(root_.string() + " is not a directory");
  if (auto safe = checkSafe(root_, found, 022, "go-w", found.st_uid, true); !safe) return safe;
  const uid_t owner = found.st_uid;
  if (::lstat(security().c_str(), &found) != 0) {
    if (errno != ENOENT) return base::systemError(security().string(), errno);
    return notOurs(root_.string() + " holds no server; make one with 'kmsd setup'");
  }
  if (!S_ISLNK(found.st_mode) && !S_ISDIR(found.st_mode))
    return notOurs(security().string() + " is not a directory");
  if (auto safe = checkSafe(security(), found, 077, "0700", owner, false); !safe) return safe;
  for (const auto& file : {headerFile(), database(), lockFile()})
    if (auto safe = checkFile(file, owner); !safe) return safe;
  for (const char* name : {"audit", "public"}) {
    const std::filesystem::path directory = security() / name;
    if (::lstat(directory.c_str(), &found) != 0) continue;
    if (auto safe = checkSafe(directory, found, 077, "0700", owner, false); !safe) return safe;
  }
  std::error_code ignored;
  if (!std::filesystem::exists(headerFile(), ignored) && !std::filesystem::exists(database(), ignored))
    return notOurs(security().string() + " holds neither header nor database of a server");
  return {};
}

base::Result<ServerHeader> DataDir::header() const {
  if (auto safe = check(); !safe) return std::move(safe).error();
  auto text = base::readSmallFile(headerFile(), kMaxHeader);
  if (!text && text.error().code == base::Code::NotFound)
    return base::Error{base::Code::Corrupt, headerFile().string() + " is missing; restore a backup"};
  if (!text) return std::move(text).error();
  return parseServerHeader(*text);
}

base::Result<void> DataDir::writeHeader(const ServerHeader& header) const {
  auto text = formatServerHeader(header);
  if (!text) return std::move(text).error();
  return base::writeFileDurably(headerFile(), base::asBytes(*text), 0600);
}

base::Result<base::Fd> DataDir::lock() const {
  base::Fd fd(::open(lockFile().c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return base::systemError(lockFile().string(), errno);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return base::systemError(lockFile().string(), errno);
    return base::Error{base::Code::Conflict,
                       holderOf(lockFile()) + " already runs on " + root_.string() + "; stop it first",
                       base::Reason::LockHeld};
  }
  const std::string pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(fd.get(), 0) != 0 ||
      ::pwrite(fd.get(), pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size()))
    return base::systemError(lockFile().string(), errno);
  return fd;
}

}  // namespace kmsd
