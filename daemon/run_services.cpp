#include "daemon/run_services.h"

#include "daemon/log.h"
#include "daemon/pin_file.h"
#include "daemon/reasons.h"
#include "daemon/slot_mirror.h"
#include "hal/base/rng.h"

namespace kmsd {

Services::Services(std::unique_ptr<kms::Store> opened, const base::Uuid& server, const kms::Policy& limits)
    : policy(limits),
      store(std::move(opened)),
      vault(*store, server, base::systemRng()),
      gated(*store),
      users(vault, gated, base::systemClock(), policy),
      tokens(vault, gated, base::systemClock(), base::systemRng(), policy) {}

void Services::drain() {
  auto done = store->writeAndWait([](kms::Txn&) -> base::Result<void> { return {}; });
  if (!done) log::warning("the database failed while the server stopped: " + done.error().what);
}

KeeperOptions keeperOptions(const RunOptions& options, const DataDir& dir, const base::Uuid& id) {
  KeeperOptions keeping;
  keeping.server = id;
  keeping.reader.uris = options.media;
  keeping.reader.driverDir = options.driverDir;
  keeping.reader.mediumEpoch = options.mediumEpoch;
  keeping.onRemoval = options.onRemoval;
  keeping.grace = options.grace;
  keeping.acceptOlder = options.acceptOlder;
  keeping.pinFile = options.pinFile;
  if (!options.pinFile.empty())
    if (const auto pin = readPinFile(options.pinFile); !pin)
      log::warning("no card gets a PIN until this is mended: " + pin.error().what);
  keeping.cardsFile = dir.cards();
  return keeping;
}

PkiOptions pkiOptions(const RunOptions& options, const DataDir& dir, const ServerHeader& header) {
  PkiOptions out;
  out.policy = options.certificates;
  out.addresses = options.addresses;
  out.organisation = header.organisation;
  out.directory = dir.published();
  return out;
}

void startAudit(std::optional<kms::AuditLog>& audit, Services* parts, const DataDir& dir,
                const base::Uuid& id, RunEvents& events) {
  if (parts == nullptr) return;
  kms::AuditOptions options;
  options.directory = dir.audit();
  options.server = id;
  options.formerMacs = kms::formerMacsOf(parts->vault);
  audit.emplace(*parts->store, kms::auditMacOf(parts->vault), options, base::systemClock(),
                events.auditEvents());
  parts->gated.attach(&*audit);
}

base::Result<std::unique_ptr<Services>> openServices(const DataDir& dir, const ServerHeader& header,
                                                     kms::SqliteOptions options, const kms::Policy& policy,
                                                     PkiOptions pki, std::optional<base::Error>& fault) {
  const base::Uuid& server = header.server;
  const auto without = [&](base::Error why) {
    fault = std::move(why);
    fault->what += "; the backup is opened by " + mediaNames(header);
    log::error(fault->what, rowOf(fault->reason).event);
    return std::unique_ptr<Services>();
  };
  if (fault) return without(*fault);
  options.slotsCommitted = slotMirror(dir, header, [](const std::string& why) { log::warning(why); });
  auto store = kms::openSqliteStore(dir.database(), std::move(options));
  if (store) {
    if (const auto mended = mirrorSlots(dir, header, **store); !mended)
      log::warning("the key slots are not noted in " + dir.headerFile().string() + ": " +
                   mended.error().what);
    auto services = std::make_unique<Services>(*std::move(store), server, policy);
    // First of all parties: the authority signs nothing in a state that is not accepted.
    services->acceptance = std::make_shared<kms::backup::Acceptance>(
        *services->store, services->vault, server, base::systemClock(), dir.audit(), dir.restored());
    services->vault.attach(services->acceptance);
    auto made = PkiServices::create(services->vault, services->gated, services->users, services->tokens,
                                    base::systemClock(), base::systemRng(), services->policy, std::move(pki));
    if (!made) return std::move(made).error();
    services->pki = *std::move(made);
    return services;
  }
  const base::Reason reason = store.error().reason;
  if (reason != base::Reason::DatabaseMissing && reason != base::Reason::DatabaseCorrupt)
    return std::move(store).error();
  return without(std::move(store).error());
}

}  // namespace kmsd
