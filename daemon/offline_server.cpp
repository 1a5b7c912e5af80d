#include "daemon/offline_server.h"

#include <unistd.h>

#include "daemon/act_as_owner.h"
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
  auto store = kms::openSqliteStore(server.dir_.database());
  if (!store) return std::move(store).error();
  server.store_ = *std::move(store);
  return server;
}

kms::SlotDesk::Along OfflineServer::records(kms::Event event, std::string object, std::string detail) const {
  const kms::AuditEntry entry{event, "uid " + std::to_string(::getuid()), std::move(object),
                              std::move(detail)};
  return [entry](kms::Txn& txn) { return kms::record(txn, base::systemClock().now(), entry); };
}

}  // namespace kmsd
