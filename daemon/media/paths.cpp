#include "daemon/media/paths.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <filesystem>

#include "hal/base/fd.h"

namespace kmsd::media {
namespace {

constexpr std::uint64_t kTruncate = 1ULL << 14;  // LANDLOCK_ACCESS_FS_TRUNCATE, of Linux 6.2
constexpr std::uint64_t kLooks = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr std::uint64_t kOfFiles = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE;

// Of /etc only what libraries ask for: the server's own certificates and settings are there too.
constexpr const char* kSystem[] = {
    "/sys",   "/proc",  "/run/udev", "/run/pcscd",       "/usr",           "/lib",
    "/lib32", "/lib64", "/libx32",   "/etc/ld.so.cache", "/etc/localtime", "/etc/udev"};

// Where media are mounted, perhaps later: a rule for a folder ends where something is mounted on it.
constexpr std::string_view kMounts[] = {"/mnt", "/media", "/run/media"};

// All rights to change something that a kernel of this Landlock version knows.
std::uint64_t changes(long version) {
  std::uint64_t all = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
                      LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
                      LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
                      LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |
                      LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM;
  if (version >= 2) all |= LANDLOCK_ACCESS_FS_REFER;
  if (version >= 3) all |= kTruncate;
  return all;
}

class Rules {
 public:
  explicit Rules(std::uint64_t handled) : handled_(handled) {
    const landlock_ruleset_attr attributes{handled};
    fd_ = base::Fd(
        static_cast<int>(::syscall(__NR_landlock_create_ruleset, &attributes, sizeof attributes, 0)));
  }
  explicit operator bool() const noexcept { return bool(fd_); }

  // What is not there, or is kept from this user, needs no rule.
  bool allow(const std::string& path, std::uint64_t rights) {
    const base::Fd at(::open(path.c_str(), O_PATH | O_CLOEXEC));
    if (!at) return errno == ENOENT || errno == ENOTDIR || errno == EACCES || errno == ELOOP;
    struct stat status {};
    if (::fstat(at.get(), &status) != 0) return false;
    rights &= S_ISDIR(status.st_mode) ? handled_ : handled_ & kOfFiles;
    const landlock_path_beneath_attr rule{rights, at.get()};
    return ::syscall(__NR_landlock_add_rule, fd_.get(), LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
  }
  // The folder, or the one that the file is in or will be: what replaces a file is another file.
  bool allowTarget(const std::filesystem::path& target, std::uint64_t rights) {
    std::error_code failed;
    const bool folder = std::filesystem::is_directory(target, failed);
    if (!allow((folder ? target : target.parent_path()).string(), rights)) return false;
    const auto real = std::filesystem::weakly_canonical(target, failed);
    if (!failed && real != target && !folder && !allow(real.parent_path().string(), rights)) return false;
    for (const std::string_view mounts : kMounts) {
      const std::string top(mounts);
      if (target.string().starts_with(top + "/") && !allow(top, kLooks)) return false;
    }
    return true;
  }
  bool keep() { return ::syscall(__NR_landlock_restrict_self, fd_.get(), 0) == 0; }

 private:
  const std::uint64_t handled_;
  base::Fd fd_;
};

}  // namespace

bool keepPaths(const Rights& rights) {
  const long version = ::syscall(__NR_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (version < 1) return errno == ENOSYS || errno == EOPNOTSUPP || errno == EPERM;
  Rules rules(kLooks | (rights.writable ? 0 : changes(version)));
  if (!rules || !rules.allow("/dev", kLooks | LANDLOCK_ACCESS_FS_WRITE_FILE)) return false;
  for (const char* path : kSystem)
    if (!rules.allow(path, kLooks)) return false;
  for (const std::string& target : rights.readable)
    if (!rules.allowTarget(target, kLooks)) return false;
  // Nothing is made, emptied or removed even so.
  for (const std::string& target : rights.changeable)
    if (!rules.allowTarget(target, kLooks | LANDLOCK_ACCESS_FS_WRITE_FILE)) return false;
  return rules.keep();
}

}  // namespace kmsd::media
