#include "daemon/new_server.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>

#include "daemon/act_as_owner.h"
#include "daemon/media_plan.h"
#include "daemon/new_authority.h"
#include "daemon/slot_cost.h"
#include "daemon/slot_mirror.h"
#include "hal/base/file.h"
#include "hal/base/rfc3339.h"
#include "hal/base/rng.h"
#include "kms/audit/audit.h"
#include "kms/keys/slot_facts.h"
#include "kms/store/sqlite_store.h"

namespace kmsd {
namespace {

namespace fs = std::filesystem;

base::Error refuse(base::Code code, base::Reason reason, std::string what) {
  return {code, std::move(what), reason};
}

base::Error notOurs(std::string what) {
  return refuse(base::Code::Invalid, base::Reason::DataDirectoryNotOurs, std::move(what));
}

base::Result<void> makeDirectory(const fs::path& path) {
  if (::mkdir(path.c_str(), 0700) != 0) return base::systemError(path.string(), errno);
  return {};
}

}  // namespace

std::string stampOf(base::Time at) {
  std::string text;
  for (const char c : base::formatTime(at))
    if (c != '-' && c != ':') text += c;
  return text;
}

base::Result<base::Fd> lockRoot(const fs::path& root) {
  base::Fd fd(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return base::systemError(root.string(), errno);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return fd;
  if (errno != EWOULDBLOCK) return base::systemError(root.string(), errno);
  return refuse(base::Code::Conflict, base::Reason::LockHeld,
                "another setup or restore is under way in " + root.string());
}

base::Result<void> checkGround(const fs::path& root) {
  struct stat found {};
  if (::lstat(root.c_str(), &found) != 0) {
    if (errno != ENOENT) return base::systemError(root.string(), errno);
    std::error_code failed;
    const fs::path parent = fs::absolute(root, failed).lexically_normal().parent_path();
    if (!failed && fs::is_directory(parent, failed)) return {};
    return refuse(base::Code::NotFound, base::Reason::DataDirectoryMissing,
                  "there is no directory " + parent.string() + " to make " + root.filename().string() +
                      " in; make it first");
  }
  if (S_ISLNK(found.st_mode))
    return refuse(base::Code::Denied, base::Reason::DataDirectoryUnsafe,
                  root.string() + " is a symbolic link, which is not followed; name what it points to");
  if (!S_ISDIR(found.st_mode)) return notOurs(root.string() + " is not a directory");
  std::error_code failed;
  std::vector<std::string> names;
  for (fs::directory_iterator at(root, failed), end; !failed && at != end; at.increment(failed))
    names.push_back(at->path().filename().string());
  if (failed) return base::systemError(root.string(), failed.value());
  const GroundFound ground = judgeGround(std::move(names));
  if (ground.ground == Ground::Server)
    return refuse(base::Code::Conflict, base::Reason::ServerExists,
                  root.string() + " already holds a server; 'kmsd setup --remove-all' puts it aside");
  if (ground.ground == Ground::Foreign)
    return notOurs(root.string() + " holds other files (" + ground.foreign + "); take an empty directory");
  if (::geteuid() != 0 && found.st_uid != ::geteuid())
    return refuse(base::Code::Denied, base::Reason::DataDirectoryUnsafe,
                  root.string() + " belongs to uid " + std::to_string(found.st_uid) +
                      ", not to us; mend it with: chown " + std::to_string(::geteuid()) + " " +
                      root.string());
  if ((found.st_mode & 022) != 0)
    return refuse(base::Code::Denied, base::Reason::DataDirectoryUnsafe,
                  root.string() + " is open to others; mend it with: chmod go-w " + root.string());
  return {};
}

base::Result<NewServer> NewServer::stage(const fs::path& root) {
  if (auto fit = checkGround(root); !fit) return std::move(fit).error();
  const bool made = ::mkdir(root.c_str(), 0700) == 0;
  if (!made && errno != EEXIST) return base::systemError(root.string(), errno);
  auto lock = lockRoot(root);
  if (!lock) return std::move(lock).error();
  NewServer server(root, *std::move(lock), made);
  if (auto fit = checkGround(root); !fit) return std::move(fit).error();  // another setup may have come first
  if (made) {
    const fs::path parent = fs::absolute(root).lexically_normal().parent_path();
    if (auto synced = base::syncDirectory(parent); !synced) return std::move(synced).error();
  }
  const ActAsOwner owner(root);
  if (auto acting = owner.check(); !acting) return std::move(acting).error();
  std::error_code failed;
  fs::remove_all(server.stagePath(), failed);
  if (failed) return base::systemError(server.stagePath().string(), failed.value());
  if (auto stage = makeDirectory(server.stagePath()); !stage) return std::move(stage).error();
  server.staged_ = true;
  return server;
}

NewServer::NewServer(NewServer&& other) noexcept
    : root_(std::move(other.root_)),
      lock_(std::move(other.lock_)),
      made_(std::exchange(other.made_, false)),
      staged_(std::exchange(other.staged_, false)) {}

NewServer::~NewServer() {
  std::error_code ignored;
  if (staged_) {
    const ActAsOwner owner(root_);
    if (owner.check()) fs::remove_all(stagePath(), ignored);
  }
  if (made_) ::rmdir(root_.c_str());  // what was not there before is not there after a refusal
}

fs::path NewServer::stagePath() const { return root_ / kStage; }

base::Result<std::string> NewServer::fill(const ServerHeader& header, const std::vector<kms::NewSlot>& slots,
                                          const std::optional<kms::pki::AuthorityPlan>& authority) {
  const ActAsOwner owner(root_);
  if (auto acting = owner.check(); !acting) return std::move(acting).error();
  const fs::path stage = stagePath();
  for (const char* name : {"audit", "public"})
    if (auto made = makeDirectory(stage / name); !made) return std::move(made).error();
  std::string fingerprint;
  std::vector<kms::SlotRow> rows;
  {
    auto store = kms::createSqliteStore(stage / "kms.db");
    if (!store) return std::move(store).error();
    const base::Clock& clock = base::systemClock();
    if (auto made = kms::found(**store, header.server, slots, clock, base::systemRng(), slotCost()); !made)
      return std::move(made).error();
    const kms::AuditEntry entry{kms::Event::ServerFounded, "uid " + std::to_string(::getuid()),
                                header.server.text(), std::to_string(slots.size()) + " key media"};
    auto recorded =
        (*store)->writeAndWait([&](kms::Txn& txn) { return kms::record(txn, clock.now(), entry); });
    if (!recorded) return std::move(recorded).error();
    if (authority) {
      auto made = makeFirstAuthority(**store, header.server, slots.front(), *authority, stage / "public");
      if (!made) return made;
      fingerprint = *std::move(made);
    }
    auto found = kms::slotRows(**store);
    if (!found) return std::move(found).error();
    rows = *std::move(found);
  }
  auto text = formatServerHeader(withSlots(header, rows));
  if (!text) return std::move(text).error();
  if (auto done = base::writeFileDurably(stage / "header", base::asBytes(*text), 0600); !done)
    return std::move(done).error();
  if (auto synced = base::syncDirectory(stage); !synced) return std::move(synced).error();
  return fingerprint;
}

base::Result<void> NewServer::commit() {
  const ActAsOwner owner(root_);
  if (auto acting = owner.check(); !acting) return acting;
  const fs::path target = DataDir(root_).security();
  if (::renameat2(AT_FDCWD, stagePath().c_str(), AT_FDCWD, target.c_str(), RENAME_NOREPLACE) != 0)
    return base::systemError(target.string(), errno);
  staged_ = made_ = false;
  return base::syncDirectory(root_);
}

namespace {

// Under the first name that nothing has: BASE, BASE.1, ...
base::Result<fs::path> putAside(const fs::path& root, const std::string& base) {
  const DataDir dir(root);
  auto outer = lockRoot(root);
  if (!outer) return std::move(outer).error();
  const ActAsOwner owner(root);  // the lock is made where there is none
  if (auto acting = owner.check(); !acting) return std::move(acting).error();
  auto inner = dir.lock();
  if (!inner) return std::move(inner).error();
  for (int number = 0;; ++number) {
    fs::path target = root / (base + (number == 0 ? std::string() : "." + std::to_string(number)));
    if (::renameat2(AT_FDCWD, dir.security().c_str(), AT_FDCWD, target.c_str(), RENAME_NOREPLACE) == 0) {
      if (auto synced = base::syncDirectory(root); !synced) return std::move(synced).error();
      return target;
    }
    if (errno != EEXIST) return base::systemError(target.string(), errno);
  }
}

}  // namespace

base::Result<fs::path> removeServer(const fs::path& root) {
  if (auto ours = DataDir(root).check(); !ours) return std::move(ours).error();
  return putAside(root, "security.bak");
}

base::Result<fs::path> abandonServer(const fs::path& root, const base::Uuid& server) {
  const auto header = DataDir(root).header();
  if (!header) return header.error();
  if (header->server != server)
    return base::Error{base::Code::Denied, "the server in " + root.string() + " is " + header->server.text() +
                                               ", not " + server.text()};
  return putAside(root, "security.bak-abandoned-" + stampOf(base::systemClock().now()));
}

}  // namespace kmsd
