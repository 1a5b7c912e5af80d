#include "daemon/offline_server.h"

#include <unistd.h>

#include <iostream>

#include "daemon/act_as_owner.h"
#include "daemon/cli.h"
#include "daemon/slot_mirror.h"
#include "kms/store/sqlite_store.h"

namespace kmsd {

base::Result<OfflineServer> OfflineServer::open(const std::filesystem::path& root) {
  DataDir dir(std::filesystem::absolute(root).lexically_normal());
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

kms::SlotDesk::Along OfflineServer::records(kms::Event event, std::string object, std::string detail) const {
  const kms::AuditEntry entry{event, "uid " + std::to_string(::getuid()), std::move(object),
                              std::move(detail)};
  return [entry](kms::Txn& txn) { return kms::record(txn, base::systemClock().now(), entry); };
}

}  // namespace kmsd
