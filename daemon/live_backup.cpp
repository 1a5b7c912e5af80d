#include "daemon/live_backup.h"

#include <system_error>

#include "daemon/read_ahead.h"
#include "kms/audit/audit.h"
#include "kms/backup/snapshot.h"
#include "kms/keys/open_keys.h"

namespace kmsd {

using base::Error;
using base::Result;

LiveBackup::LiveBackup(kms::Store& store, kms::Store& gated, const kms::Vault& vault, const DataDir& dir,
                       const ServerHeader& header, const base::Clock& clock)
    : store_(store), gated_(gated), vault_(vault), dir_(dir), header_(header), clock_(clock) {
  kms::backup::clearSpool(dir.spool());  // of a server that was killed
}

Result<std::shared_ptr<http::BodySource>> LiveBackup::make(const std::string& by,
                                                           const std::atomic<bool>& stop) {
  if (busy_.exchange(true))
    return Error{base::Code::Conflict, "a backup is being made already; try again when it is there"};
  Place place(&busy_);
  if (sending_.joinable()) sending_.join();  // it may still free its copy
  auto snapshot = take(by, stop);
  if (!snapshot) return std::move(snapshot).error();
  return send(std::move(place), *std::move(snapshot));
}

Result<std::unique_ptr<kms::backup::Snapshot>> LiveBackup::take(const std::string& by,
                                                                const std::atomic<bool>& stop) {
  const base::Time now = clock_.now();
  auto recorded = gated_.writeAndWait([&](kms::Txn& txn) {
    return kms::record(txn, now, {kms::Event::BackupMade, by, header_.server.text(), "live"});
  });
  if (!recorded) return std::move(recorded).error();
  const kms::backup::Sign sign = [this](base::BytesView message) -> Result<kms::backup::Hash> {
    auto keys = vault_.hold();
    if (!keys) return std::move(keys).error();
    return (*keys)->backupMac(message);
  };
  const kms::backup::Subject subject{header_.server, header_.organisation, header_.created, dir_.audit(),
                                     dir_.spool()};
  return kms::backup::Snapshot::take(store_, subject, kms::backup::Kind::Live, now, sign, stop);
}

Result<std::shared_ptr<http::BodySource>> LiveBackup::send(Place place,
                                                           std::unique_ptr<kms::backup::Snapshot> snapshot) {
  auto ahead = ReadAhead::create();
  if (!ahead) return std::move(ahead).error();
  auto body = ReadAhead::source(*ahead, snapshot->source().size());
  auto sending = [this, ahead = *ahead, place = std::move(place), snapshot = std::move(snapshot)]() mutable {
    ahead->run([&](std::span<std::byte> out) -> Result<std::size_t> {
      if (vault_.sealed())
        return Error{base::Code::Unavailable, "the server is sealed", base::Reason::Sealed};
      return snapshot->source().read(out);
    });
    place.reset();
    snapshot.reset();
  };
  try {
    sending_ = std::jthread(std::move(sending));
  } catch (const std::system_error&) {
    return Error{base::Code::Unavailable, "no thread is left for the backup; try again"};
  }
  return body;
}

}  // namespace kmsd
