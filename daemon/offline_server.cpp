#include "daemon/offline_server.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <iostream>

#include "daemon/act_as_owner.h"
#include "daemon/cli.h"
#include "daemon/server_moved.h"
#include "daemon/slot_mirror.h"
#include "hal/base/file.h"
#include "kms/store/sqlite_store.h"

namespace kmsd {

std::filesystem::path rootOf(const std::filesystem::path& given) {
  const std::filesystem::path full = std::filesystem::absolute(given).lexically_normal();
  return full.has_filename() ? full : full.parent_path();
}

base::Result<OfflineServer> OfflineServer::open(const std::filesystem::path& root) {
  DataDir dir(rootOf(root));
  auto header = dir.header();
  if (!header) return std::move(header).error();
  const ActAsOwner owner(dir.root());
  if (auto acting = owner.check(); !acting) return std::move(acting).error();
  auto lock = dir.lock();
  if (!lock) return std::move(lock).error();
  OfflineServer server(std::move(dir), *std::move(header), *std::move(lock));
  const auto failed = [](const std::string& why) { std::cerr << "kmsd: " << printable(why) << "\n"; };
  kms::SqliteOptions options;
  options.slotsCommitted = slotMirror(server.dir_, server.header_, failed);
  auto store = kms::openSqliteStore(server.dir_.database(), std::move(options));
  if (!store) return std::move(store).error();
  server.store_ = *std::move(store);
  if (auto mended = mirrorSlots(server.dir_, server.header_, *server.store_); !mended)
    return std::move(mended).error();
  return server;
}

base::Result<OfflineServer> OfflineServer::openForKeys(const std::filesystem::path& root) {
  auto server = open(root);
  if (!server) return server;
  // The medium would get another key than the one that the other host waits for.
  if (auto stays = checkNotMoved(server->dir()); !stays) return std::move(stays).error();
  if (auto opened = server->checkOpenedOnce(); !opened) return std::move(opened).error();
  return server;
}

// The MAC of the backup is under the root key that made it; another one would call the backup forged.
base::Result<void> OfflineServer::checkOpenedOnce() const {
  struct stat found {};
  if (::lstat(dir_.restored().c_str(), &found) != 0) {
    if (errno == ENOENT) return {};
    return base::systemError(dir_.restored().string(), errno);
  }
  return base::Error{base::Code::Denied,
                     "this server was restored from a backup and was not open since; start it once with its "
                     "medium, which proves the backup, and then run this again",
                     base::Reason::Forbidden};
}

kms::SlotDesk::Along OfflineServer::records(kms::Event event, std::string object, std::string detail) const {
  const kms::AuditEntry entry{event, "uid " + std::to_string(::getuid()), std::move(object),
                              std::move(detail)};
  return [entry](kms::Txn& txn) { return kms::record(txn, base::systemClock().now(), entry); };
}

}  // namespace kmsd
